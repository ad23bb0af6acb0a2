//! Settings from the environment: `MUSTER_…`, read once in `main`. Secrets must never be printed.

use crate::model::suggest::nearest;
use std::{collections::BTreeMap, fmt::Display, str::FromStr};
use url::Url;

/// A setting cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// It must be given.
    #[error("{0} is not set")]
    Missing(String),
    /// It is given and makes no sense.
    #[error("{name} cannot be used: {reason}")]
    Bad {
        /// The variable.
        name: String,
        /// Why.
        reason: String,
    },
    /// A variable that is probably a known one, mistyped.
    #[error("there is no setting {given}; did you mean {meant}?")]
    NearMiss {
        /// The variable.
        given: String,
        /// The known one.
        meant: &'static str,
    },
}

/// Settings of other programs that talk to Muster; no process of Muster reads them.
const OF_CLIENTS: &[&str] = &["MUSTER_URL", "MUSTER_TOKEN"];

/// Settings that some process of Muster reads; all are in `deploy/muster.env.example`.
pub const KNOWN: &[&str] = &[
    "MUSTER_BIND",
    "MUSTER_DATABASE_URL",
    "MUSTER_EXPRESS_LANES",
    "MUSTER_FILES_URL",
    "MUSTER_HEALTH_BIND",
    "MUSTER_LANES",
    "MUSTER_LANES_PER_IMPORT",
    "MUSTER_LEASE_SECONDS",
    "MUSTER_LOG",
    "MUSTER_LOG_FORMAT",
    "MUSTER_PRUNE_SECONDS",
    "MUSTER_REDIS_URL",
    "MUSTER_WORKER_NAME",
];

/// Every setting, with its default and who reads it.
const EXAMPLE: &str = include_str!("../../../deploy/muster.env.example");

/// The settings of a process (`api`, `worker`), as its `--help` lists them: those that must be set,
/// then the others with their defaults.
#[must_use]
pub fn help(process: &str) -> String {
    let mut settings: Vec<(bool, &str, &str)> = EXAMPLE
        .lines()
        .filter_map(|line| {
            let (setting, comment) = line.split_once(" # ")?;
            let (readers, what) = comment.split_once(": ")?;
            let is_read = readers.split(", ").any(|reader| reader == process);
            is_read.then(|| {
                (
                    setting.starts_with('#'),
                    setting.trim_start_matches('#'),
                    what,
                )
            })
        })
        .collect();
    settings.sort_by_key(|(has_default, ..)| *has_default);
    let lines = settings
        .iter()
        .map(|(_, setting, what)| format!("  {setting}\n          {what}\n"));
    format!(
        "Settings, from the environment:\n{}",
        lines.collect::<String>()
    )
}

/// The environment's `MUSTER_` variables.
#[derive(Debug)]
pub struct Env {
    variables: BTreeMap<String, String>,
    unknown: Vec<String>,
}

impl Env {
    /// Reads the process's environment. A near miss of a known name is an error; of other unknown
    /// names it is warned when logging starts, since orchestrators make some.
    pub fn read() -> Result<Self, EnvError> {
        let texts =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let ours = texts.filter(|(name, _)| name.starts_with("MUSTER_"));
        ours.map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(EnvError::Bad {
                name,
                reason: "it is not UTF-8".to_owned(),
            }),
        })
        .collect::<Result<_, _>>()
        .and_then(Self::of)
    }

    fn of(variables: BTreeMap<String, String>) -> Result<Self, EnvError> {
        let mut unknown = Vec::new();
        for name in variables.keys() {
            if KNOWN.contains(&name.as_str())
                || OF_CLIENTS.contains(&name.as_str())
                || name.starts_with("MUSTER_TEST_")
            {
                continue;
            }
            if let Some(meant) = near_miss(name) {
                return Err(EnvError::NearMiss {
                    given: name.clone(),
                    meant,
                });
            }
            unknown.push(name.clone());
        }
        Ok(Self { variables, unknown })
    }

    /// Warns of settings that nobody reads; to be called once logging has started.
    pub(super) fn warn_of_unknown(&self) {
        for name in &self.unknown {
            tracing::warn!(setting.name = name, "unknown setting");
        }
    }

    /// A setting that must be given.
    pub fn text(&self, name: &str) -> Result<String, EnvError> {
        self.variables
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
            .ok_or_else(|| EnvError::Missing(name.to_owned()))
    }

    /// A setting that has a default.
    pub fn or<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> Result<T, EnvError> {
        match self.text(name) {
            Err(_) => Ok(default),
            Ok(text) => text.parse().map_err(|error: T::Err| EnvError::Bad {
                name: name.to_owned(),
                reason: error.to_string(),
            }),
        }
    }
}

/// The known name that `name` is a slip of; two slips of the finger at most.
fn near_miss(name: &str) -> Option<&'static str> {
    nearest(name, KNOWN.iter().copied()).and_then(|_| {
        KNOWN
            .iter()
            .copied()
            .find(|known| strsim::damerau_levenshtein(name, known) <= 2)
    })
}

/// An address without its password, and without its parameters, which may hold one too; for the
/// log.
#[must_use]
pub fn masked(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else {
        return "(not an address)".to_owned();
    };
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return "(hidden)".to_owned();
    }
    if url.query().is_some() {
        url.set_query(Some("***"));
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_the_settings_of_a_process() {
        let (api, worker) = (help("api"), help("worker"));
        for (name, of_api, of_worker) in [
            ("MUSTER_DATABASE_URL=", true, true),
            ("MUSTER_BIND=127.0.0.1:8080\n", true, false),
            ("MUSTER_LANES=2\n", false, true),
        ] {
            assert_eq!(
                (api.contains(name), worker.contains(name)),
                (of_api, of_worker),
                "{name}"
            );
        }
        let of_both = KNOWN
            .iter()
            .all(|name| api.contains(name) || worker.contains(name));
        assert!(of_both, "{api}{worker}");
    }

    fn of(pairs: &[(&str, &str)]) -> Result<Env, EnvError> {
        Env::of(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_slip_of_the_finger_stops_the_start() {
        let error = of(&[("MUSTER_REDIS_ULR", "redis://localhost")]).expect_err("a near miss");
        assert_eq!(
            error.to_string(),
            "there is no setting MUSTER_REDIS_ULR; did you mean MUSTER_REDIS_URL?"
        );
        assert!(of(&[("MUSTER_SERVICE_PORT_HTTP", "80"), ("MUSTER_TOKEN", "x")]).is_ok());
    }

    #[test]
    fn values_are_parsed_or_explained() {
        let env =
            of(&[("MUSTER_LANES", "3"), ("MUSTER_EXPRESS_LANES", "many")]).expect("known names");
        assert_eq!(env.or("MUSTER_LANES", 2_usize).expect("a number"), 3);
        assert_eq!(
            env.or("MUSTER_LANES_PER_IMPORT", 4_usize)
                .expect("the default"),
            4
        );
        assert!(
            env.or("MUSTER_EXPRESS_LANES", 1_usize)
                .expect_err("no number")
                .to_string()
                .starts_with("MUSTER_EXPRESS_LANES cannot")
        );
        assert_eq!(
            env.text("MUSTER_BIND").expect_err("not set").to_string(),
            "MUSTER_BIND is not set"
        );
    }

    #[test]
    fn passwords_are_hidden() {
        assert_eq!(
            masked("postgres://muster:secret@db/muster"),
            "postgres://muster:***@db/muster"
        );
        assert_eq!(
            masked("redis://:secret@cache:6379"),
            "redis://:***@cache:6379"
        );
        assert_eq!(
            masked("postgres://db/muster?user=muster&password=secret"),
            "postgres://db/muster?***"
        );
    }
}
