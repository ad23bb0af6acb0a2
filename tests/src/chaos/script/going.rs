//! Going on with what an import left: lines as they are, or its report, corrected.

use super::{Import, Script, What};
use crate::{
    chaos::{
        asker::{Parcel, Report},
        look::{Look, Written},
    },
    make::Chance,
};
use anyhow::bail;
use serde_json::Value;

/// What reports add to a file's own columns.
const ADDED: [&str; 4] = ["_line", "_action", "_outcome", "_issues"];

impl Script {
    /// Goes on with one of the imports that were applied, to whatever end.
    pub(super) async fn go_on(&mut self, step: usize, chance: &mut Chance) -> anyhow::Result<()> {
        let is_parent =
            |import: &Import| import.applied.is_some() && matches!(import.what, What::File { .. });
        let parents: Vec<usize> = (0..self.imports.len())
            .filter(|place| is_parent(&self.imports[*place]))
            .collect();
        let parent = parents[parents.len() - 1 - chance.below(parents.len().min(5))];
        let child = if chance.is(50) {
            self.with_lines(parent, chance).await?
        } else {
            self.with_report(step, parent, chance).await?
        };
        let Some(child) = child else { return Ok(()) };
        self.counting.figures().continues += 1;
        let ready = self.previewed(child).await?;
        if ready["parent"] != self.imports[parent].id.as_str() {
            bail!(
                "the parent of {} should be {}",
                ready,
                self.imports[parent].id
            );
        }
        self.applied(child, chance).await
    }

    /// Lines of some outcomes, as they are.
    async fn with_lines(
        &mut self,
        place: usize,
        chance: &mut Chance,
    ) -> anyhow::Result<Option<usize>> {
        let choices: [Option<&[&str]>; 6] = [
            None,
            None,
            None,
            Some(&["rejected"]),
            Some(&["none", "rejected"]),
            Some(&["skipped", "held", "failed"]),
        ];
        let outcomes = *chance.of(&choices);
        let parent = &self.imports[place];
        let (What::File { rules, table }, Some(applied)) = (&parent.what, &parent.applied) else {
            return Ok(None);
        };
        let wanted = outcomes.unwrap_or(&["held", "failed", "none"]);
        let became = |line: u32| {
            applied
                .outcomes
                .get(&line)
                .map_or("none", |outcome| outcome.name())
        };
        let (rules, table) = (
            *rules,
            table.of_lines(|line| wanted.contains(&became(line))),
        );
        let id = parent.id.clone();
        let known = self.asker.children(&id).await?;
        for child in &known {
            // What is under way is what is asked for, and was previewed who knows when.
            self.end_stray(child).await?;
        }
        let child = self.asker.go_on(&id, outcomes, &known).await?;
        if child.is_none() != table.lines.is_empty() {
            bail!(
                "{} lines should go on with import {place}, and Muster makes {child:?}",
                table.lines.len()
            );
        }
        Ok(child.map(|child| self.remember(child, What::File { rules, table })))
    }

    /// The report, with what was wrong put right, at least here and there.
    async fn with_report(
        &mut self,
        step: usize,
        place: usize,
        chance: &mut Chance,
    ) -> anyhow::Result<Option<usize>> {
        let id = self.imports[place].id.clone();
        let What::File { rules, .. } = self.imports[place].what else {
            return Ok(None);
        };
        let import = self.asker.import(&id).await?;
        let (headings, records) = corrected(self.report(&id, &import).await?, chance);
        if records.is_empty() {
            return Ok(None);
        }
        let Written {
            bytes,
            content_type,
            settings,
            table,
        } = Look::said(chance).write(headings, records);
        let query = vec![("settings", Value::Object(settings).to_string())];
        let parcel = Parcel {
            query,
            filename: format!("{}-{step}-corrected.csv", self.site),
            content_type,
            bytes,
        };
        self.counting.figures().lines += table.lines.len() as u64;
        let child = self.asker.upload(&parcel, Some(&id)).await?;
        Ok(Some(self.remember(
            child,
            What::File {
                rules,
                table: table.unguarded(),
            },
        )))
    }
}

/// The lines of a report that were left, with corrections.
fn corrected(report: Report, chance: &mut Chance) -> (Vec<String>, Vec<Vec<String>>) {
    let left = report
        .lines
        .into_iter()
        .filter(|line| !matches!(line.outcome.as_str(), "created" | "updated" | "unchanged"));
    let mut records = Vec::new();
    for line in left {
        let mut cells = line.cells;
        for (cell, heading) in cells.iter_mut().zip(&report.headings) {
            let heading = heading.trim().to_lowercase();
            let is_wrong = cell.starts_with("no-such")
                || cell.len() > 90
                || *cell == "ZZ"
                || *cell == "perhaps"
                || *cell == "soon";
            if is_wrong && chance.is(70) {
                *cell = if heading.ends_with("name") {
                    "Corrected".to_owned()
                } else {
                    String::new()
                };
            }
        }
        cells.extend([
            line.line.to_string(),
            line.action,
            line.outcome,
            line.issues,
        ]);
        records.push(cells);
    }
    let headings = report
        .headings
        .into_iter()
        .chain(ADDED.map(str::to_owned))
        .collect();
    (headings, records)
}
