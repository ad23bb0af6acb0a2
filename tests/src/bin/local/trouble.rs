//! What can keep the command line from its end, in words for whoever typed it.

use muster_tests::client::{
    Answer,
    view::{Fault, Problem},
};
use std::fmt;

/// What came in the way.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The one who typed it can mend it.
    Usage(String),
    /// Muster refused, gave up or is away.
    Refused(String),
    /// Ctrl-C.
    Left(String),
}

impl Trouble {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Left(_) => 130,
        }
    }

    /// A connection that failed.
    pub(crate) fn connection(base: &str, error: &reqwest::Error) -> Self {
        if error.is_connect() {
            return Self::Refused(format!(
                "There is no Muster at {base}. Is it up? `deploy/local.sh up` starts it."
            ));
        }
        let mut text = format!("The connection to {base} broke: {error}");
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::Refused(text)
    }

    /// An answer that is no success.
    pub(crate) fn answer(answer: &Answer) -> Self {
        let text = match answer.parse::<Problem>() {
            Ok(problem) => in_words(&problem),
            Err(_) => format!(
                "Muster answered {}: {}",
                answer.status,
                answer.text().chars().take(500).collect::<String>()
            ),
        };
        match answer.status {
            400 | 401 | 403 | 404 => Self::Usage(text),
            _ => Self::Refused(text),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(text) | Self::Refused(text) | Self::Left(text)) = self;
        f.write_str(text)
    }
}

fn in_words(problem: &Problem) -> String {
    let mut lines = vec![problem.title.clone()];
    lines.extend(problem.detail.iter().map(|detail| format!("  {detail}")));
    lines.extend(
        problem
            .errors
            .iter()
            .map(|fault| format!("  {}", fault_in_words(fault))),
    );
    lines.join("\n")
}

fn fault_in_words(fault: &Fault) -> String {
    let place = format!(
        "{}{}",
        fault.parameter,
        fault.pointer.as_deref().unwrap_or_default()
    );
    let meant = fault
        .suggestion
        .as_ref()
        .map(|meant| format!(" Did you mean {meant}?"))
        .unwrap_or_default();
    format!("{place}: {}{meant}", fault.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: reqwest::header::HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn every_wrong_parameter_is_told_with_what_was_meant() {
        let body = r#"{"title":"The request is not right","code":"invalid-request","status":400,
            "errors":[{"parameter":"settings","pointer":"/mode","detail":"`mode` is one of a, b.","suggestion":"a"},
                      {"parameter":"recipe","detail":"There is no recipe x."}]}"#;
        let trouble = Trouble::answer(&answer(400, body));
        let expected = "The request is not right\n  settings/mode: `mode` is one of a, b. Did you mean a?\n  recipe: There is no recipe x.";
        assert_eq!(
            (trouble.to_string().as_str(), trouble.exit_code()),
            (expected, 2)
        );
    }

    #[test]
    fn what_cannot_be_mended_by_typing_ends_with_3() {
        for status in [409, 413, 415, 429, 500, 503] {
            assert_eq!(
                Trouble::answer(&answer(status, r#"{"title":"No"}"#)).exit_code(),
                3,
                "{status}"
            );
        }
        assert_eq!(
            Trouble::answer(&answer(502, "<html>")).to_string(),
            "Muster answered 502: <html>"
        );
    }
}
