//! What Muster says and holds, against what the model says: counts, lines, rows.

use super::{Script, model, origin};
use crate::chaos::{
    asker::Report,
    model::{Action, Counts, Outcome, Rows},
};
use anyhow::bail;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// So many differences are told; more say no more.
const TOLD: usize = 30;

/// An import, without what fills pages.
pub(super) fn brief(import: &Value) -> Value {
    let members = [
        "id", "recipe", "kind", "settings", "status", "can", "actions", "outcomes", "effects",
        "rejected", "failed", "undoes", "parent",
    ];
    members
        .iter()
        .map(|member| ((*member).to_owned(), import[*member].clone()))
        .collect()
}

impl Script {
    pub(super) fn compare_preview(&self, place: usize, ready: &Value) -> anyhow::Result<()> {
        let import = &self.imports[place];
        self.compare_counts(
            "the preview's actions",
            &model::actions(&import.plans),
            &ready["actions"],
            ready,
        )?;
        let mut planned = ready["effects"].clone();
        // Which are missing, or unused, shows only when it is their turn.
        for effect in ["categories_created", "categories_deleted"] {
            planned[effect] = Value::Null;
        }
        let kind = origin(&self.imports, place).kind();
        self.compare_counts(
            "the preview's effects",
            &model::effects(kind, &import.plans),
            &planned,
            ready,
        )
    }

    pub(super) async fn compare_applied(&self, place: usize, ended: &Value) -> anyhow::Result<()> {
        let import = &self.imports[place];
        let Some(applied) = &import.applied else {
            return Ok(());
        };
        if let Some(why) = &applied.impossible {
            bail!("{why}: {}", brief(ended));
        }
        let report = self.report(&import.id, ended).await?;
        self.compare_report(place, &report)?;
        let mut outcomes = Counts::new();
        for outcome in applied.outcomes.values() {
            *outcomes.entry(outcome.name()).or_default() += 1;
        }
        self.counting.figures().held += applied
            .outcomes
            .values()
            .filter(|outcome| **outcome == Outcome::Held)
            .count() as u64;
        self.compare_counts("the outcomes", &outcomes, &ended["outcomes"], ended)?;
        self.compare_counts("the effects", &applied.effects, &ended["effects"], ended)
    }

    fn compare_counts(
        &self,
        what: &str,
        expected: &Counts,
        actual: &Value,
        import: &Value,
    ) -> anyhow::Result<()> {
        let mut known: BTreeMap<String, i64> = expected
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        let mut found: BTreeMap<String, i64> = BTreeMap::new();
        for (name, count) in actual.as_object().into_iter().flatten() {
            found.insert(name.clone(), count.as_i64().unwrap_or(0));
        }
        for counts in [&mut known, &mut found] {
            counts.retain(|_, count| *count != 0);
        }
        self.counting.figures().compared += 1;
        if known != found {
            self.counting.figures().differences += 1;
            bail!(
                "{what} should be\n  {known:?}\nand are\n  {found:?}\nof {}",
                brief(import)
            );
        }
        Ok(())
    }

    /// Every line of the report.
    fn compare_report(&self, place: usize, report: &Report) -> anyhow::Result<()> {
        let import = &self.imports[place];
        let outcomes = import.applied.as_ref().map(|applied| &applied.outcomes);
        let mut differences = Vec::new();
        let mut told: BTreeMap<u32, _> =
            report.lines.iter().map(|line| (line.line, line)).collect();
        self.counting.figures().compared += report.lines.len() as u64;
        for plan in &import.plans {
            let Some(line) = told.remove(&plan.line) else {
                differences.push(format!("line {} is missing in the report", plan.line));
                continue;
            };
            let action = plan.deed.action.name();
            let outcome = outcomes
                .and_then(|outcomes| outcomes.get(&plan.line))
                .map_or("", |outcome| outcome.name());
            let codes = plan
                .codes
                .iter()
                .filter(|code| !line.issues.contains(**code))
                .collect::<Vec<_>>();
            let is_idle = matches!(plan.deed.action, Action::Skip | Action::Reject);
            let has_outcome = line.outcome == outcome || (is_idle && line.outcome.is_empty());
            if line.action != action || !has_outcome || !codes.is_empty() {
                let should = format!(
                    "line {} ({:?}) should be {action}, {outcome}, {:?}",
                    plan.line, plan.key, plan.codes
                );
                differences.push(format!(
                    "{should} and is {}, {}, {}: {:?}",
                    line.action, line.outcome, line.issues, line.cells
                ));
            }
        }
        differences.extend(
            told.keys()
                .map(|line| format!("the report has a line {line}")),
        );
        self.tell(
            &differences,
            &format!("the report of import {place} ({})", import.id),
        )
    }

    /// Every row of the site.
    pub(super) fn compare_rows(&self, actual: &Rows) -> anyhow::Result<()> {
        let expected = self.state.rows();
        self.counting.figures().compared += expected.len() as u64;
        let all: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
        let nothing = "nothing".to_owned();
        let differences: Vec<String> = all
            .into_iter()
            .filter_map(|what| {
                let (should, is) = (
                    expected.get(what).unwrap_or(&nothing),
                    actual.get(what).unwrap_or(&nothing),
                );
                (should != is)
                    .then(|| format!("{what}\n    should be: {should}\n    is:        {is}"))
            })
            .collect();
        self.tell(&differences, "the rows")
    }

    fn tell(&self, differences: &[String], what: &str) -> anyhow::Result<()> {
        if differences.is_empty() {
            return Ok(());
        }
        self.counting.figures().differences += differences.len() as u64;
        let told = differences[..differences.len().min(TOLD)].join("\n  ");
        bail!(
            "{}: {} differences in {what}:\n  {told}",
            self.site,
            differences.len()
        );
    }

    /// The report of an import.
    pub(super) async fn report(&self, id: &str, import: &Value) -> anyhow::Result<Report> {
        let delimiter = match import["file"]["delimiter"]["value"].as_str() {
            Some("tab") => b'\t',
            Some(delimiter) => delimiter.as_bytes()[0],
            None => b',',
        };
        self.asker.report(id, delimiter).await
    }
}
