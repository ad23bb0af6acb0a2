//! What an import looks like on the wire. Nothing inside is serialised as it is: these types are
//! the contract.

use chrono::{DateTime, Utc};
use muster_shared::{
    model::{
        action::Action,
        ids::ImportId,
        issue::{Code, FileIssue},
        kind::Kind,
        progress::Progress,
        reading::{Delimiter, Found},
        recipe::Recipe,
        settings::Settings,
        stage::Stage,
        status::{Command, Status},
        tally::{Actions, Effects, IssueCounts, Outcomes},
    },
    plan::all_effects,
    store::{
        batches::Sums,
        imports::{File, Import},
    },
};
use serde::Serialize;
use std::collections::BTreeMap;

/// An import.
#[derive(Debug, Serialize)]
pub(crate) struct ImportView {
    id: ImportId,
    site: String,
    recipe: Recipe,
    kind: Kind,
    status: Status,
    at_rest: bool,
    can: Vec<Command>,
    settings: Settings,
    mapping: BTreeMap<String, String>,
    file: FileView,
    progress: Option<Progress>,
    waiting_since: Option<DateTime<Utc>>,
    actions: Actions,
    outcomes: Option<Outcomes>,
    effects: BTreeMap<&'static str, i64>,
    issues: IssueCounts,
    rejected: Option<Vec<RejectedView>>,
    failed: Option<FailedView>,
    parent: Option<ImportId>,
    children: Vec<ImportId>,
    undoes: Option<ImportId>,
    undone_by: Option<ImportId>,
    same_file_as: Option<ImportId>,
    created_by: Option<String>,
    created_at: DateTime<Utc>,
    ready_at: Option<DateTime<Utc>>,
    applied_by: Option<String>,
    applied_at: Option<DateTime<Utc>>,
    settled_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    undo_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize)]
struct FileView {
    name: Option<String>,
    bytes: i64,
    sha256: String,
    compression: Option<String>,
    encoding: Found<String>,
    delimiter: Found<Delimiter>,
    columns: Vec<String>,
    rows: Option<i32>,
    sample: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct RejectedView {
    code: Code,
    line: Option<i32>,
    column: Option<String>,
    value: Option<String>,
    message: String,
    suggestion: Option<String>,
}

#[derive(Debug, Serialize)]
struct FailedView {
    stage: Stage,
    code: String,
    detail: String,
    attempts: i64,
}

/// The people, other imports and lanes that an import has to do with.
#[derive(Debug, Default)]
pub(crate) struct Related {
    /// Who uploaded it, by e-mail address.
    pub(crate) created_by: Option<String>,
    /// Who confirmed it, by e-mail address.
    pub(crate) applied_by: Option<String>,
    /// Those that go on with its lines, oldest first.
    pub(crate) children: Vec<ImportId>,
    /// The one whose plans it reverses.
    pub(crate) undoes: Option<ImportId>,
    /// The one that took back what it did, or is about to.
    pub(crate) undone_by: Option<ImportId>,
    /// When a lane last took a batch or gave one back, or its stage began, if it is one that lanes
    /// work on.
    pub(crate) served_at: Option<DateTime<Utc>>,
}

impl ImportView {
    /// Of an import, with what its batches add up to.
    pub(crate) fn new(
        site: &str,
        import: Import,
        sums: &Sums,
        related: Related,
        now: DateTime<Utc>,
    ) -> Self {
        let is_applied = import.applied_at.is_some();
        let undo_until = import.allows(Command::Undo).then_some(import.expires_at);
        Self {
            id: import.id,
            site: site.to_owned(),
            recipe: import.recipe,
            kind: import.kind,
            status: import.status,
            at_rest: import.status.is_at_rest(),
            can: import.can(),
            progress: Some(progress(&import, sums, now)),
            waiting_since: related.served_at.filter(|_| sums.are_waiting()),
            actions: sums.actions,
            outcomes: is_applied.then(|| outcomes(&import, sums)),
            effects: effects(if is_applied {
                &sums.effects
            } else {
                &sums.planned_effects
            }),
            issues: issues(sums.issues, &import.file.issues),
            failed: failed(&import),
            rejected: import
                .rejected
                .map(|reasons| reasons.into_iter().map(RejectedView::from).collect()),
            file: FileView::new(import.file, &import.settings, import.lines),
            settings: import.settings,
            mapping: import.mapping,
            parent: import.parent,
            children: related.children,
            undoes: related.undoes,
            undone_by: related.undone_by,
            same_file_as: import.same_file_as,
            created_by: related.created_by,
            created_at: import.created_at,
            ready_at: import.ready_at,
            applied_by: related.applied_by,
            applied_at: import.applied_at,
            settled_at: import.settled_at,
            expires_at: import.expires_at,
            undo_until,
        }
    }
}

impl FileView {
    fn new(file: File, settings: &Settings, rows: Option<i32>) -> Self {
        let reading = file.reading(settings);
        Self {
            name: file.name,
            bytes: file.bytes,
            sha256: hex::encode(file.sha256),
            compression: file.compression,
            encoding: reading.encoding,
            delimiter: reading.delimiter,
            columns: file.columns,
            rows,
            sample: file.sample,
        }
    }
}

impl From<FileIssue> for RejectedView {
    fn from(FileIssue { issue, line, .. }: FileIssue) -> Self {
        Self {
            code: issue.code,
            line,
            column: issue.column,
            value: issue.value,
            message: issue.message,
            suggestion: issue.suggestion,
        }
    }
}

/// Skips and rejects are in no batch of apply: what the preview said of them is what comes out.
fn outcomes(import: &Import, sums: &Sums) -> Outcomes {
    let mut outcomes = sums.outcomes;
    outcomes.add(import.outcome_of(Action::Skip), sums.actions.skip);
    outcomes.add(import.outcome_of(Action::Reject), sums.actions.reject);
    outcomes
}

/// All there are, by name; what nothing happened to is 0.
fn effects(effects: &Effects) -> BTreeMap<&'static str, i64> {
    all_effects()
        .into_iter()
        .map(|effect| (effect.name, effects.get(effect.name)))
        .collect()
}

/// Of the lines and of the file as a whole.
fn issues(mut counts: IssueCounts, of_file: &[FileIssue]) -> IssueCounts {
    for FileIssue { issue, count, .. } in of_file {
        counts.add(issue.severity, *count);
    }
    counts
}

fn failed(import: &Import) -> Option<FailedView> {
    let stage = import.stage_failed?;
    let member = |name: &str| {
        import
            .failure
            .as_ref()
            .and_then(|failure| failure.get(name))
    };
    let text = |name: &str, default: &str| {
        member(name)
            .and_then(|value| value.as_str())
            .unwrap_or(default)
            .to_owned()
    };
    Some(FailedView {
        stage,
        code: text("code", "failed"),
        detail: text("detail", "It gave up; the log of the workers says more."),
        attempts: member("attempts")
            .and_then(serde_json::Value::as_i64)
            .unwrap_or(0),
    })
}

/// Of the stage at work, or of the last one that was. Speed at rest is what it was when rest was
/// reached.
fn progress(import: &Import, sums: &Sums, now: DateTime<Utc>) -> Progress {
    let stage = last_stage(import, sums);
    let (done, total) = match stage {
        Stage::Validate if import.lines.is_some() => (import.file.bytes, import.file.bytes),
        Stage::Validate => (sums.staged_bytes.min(import.file.bytes), import.file.bytes),
        Stage::Preview => sums.previewed,
        Stage::Apply => sums.applied,
    };
    Progress::new(
        stage,
        done,
        total,
        import.stage_started_at,
        import.rested_at.unwrap_or(now),
    )
}

fn last_stage(import: &Import, sums: &Sums) -> Stage {
    match import.status {
        Status::Validating | Status::Rejected => Stage::Validate,
        Status::Previewing | Status::Ready => Stage::Preview,
        Status::Applying | Status::Pausing | Status::Paused | Status::Applied => Stage::Apply,
        Status::Cancelling | Status::Cancelled | Status::Failed => {
            let began = || match import.applied_at {
                Some(_) => Stage::Apply,
                None if sums.previewed.1 > 0 => Stage::Preview,
                None => Stage::Validate,
            };
            import.stage_failed.unwrap_or_else(began)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use muster_shared::model::{
        ids::{AccountId, ImportNo, SiteId},
        issue::Issue,
        reading::Reading,
    };
    use serde_json::{Value, json};

    fn import(status: Status) -> Import {
        let at = DateTime::UNIX_EPOCH;
        Import {
            id: ImportId::fresh(),
            no: ImportNo(1),
            site_id: SiteId(1),
            recipe: Recipe::AddToSegments,
            kind: Kind::Users,
            settings: Settings::defaults(Recipe::AddToSegments, Kind::Users),
            mapping: BTreeMap::new(),
            fields: Vec::new(),
            status,
            status_version: 1,
            stage_failed: None,
            failure: None,
            rejected: None,
            is_small: true,
            file: File {
                name: None,
                key: Some("1/x".to_owned()),
                bytes: 100,
                expanded_bytes: 100,
                sha256: vec![1, 255],
                compression: None,
                found: Reading {
                    encoding: Found::guessed("UTF-8".to_owned(), 1.0),
                    delimiter: Found::guessed(Delimiter::Comma, 0.9),
                },
                columns: Vec::new(),
                sample: Vec::new(),
                issues: Vec::new(),
            },
            lines: None,
            created_by: AccountId::fresh(),
            created_at: at,
            stage_started_at: at,
            rested_at: None,
            ready_at: None,
            applied_by: None,
            applied_at: None,
            settled_at: None,
            expires_at: at,
            pruned_at: None,
            parent: None,
            carries: None,
            undoes: None,
            lines_of: ImportNo(1),
            same_file_as: None,
        }
    }

    fn shown(import: Import, sums: &Sums) -> Value {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(10);
        serde_json::to_value(ImportView::new(
            "acme",
            import,
            sums,
            Related::default(),
            now,
        ))
        .unwrap()
    }

    #[test]
    fn every_member_is_there_from_the_beginning() {
        let shown = shown(
            import(Status::Validating),
            &Sums {
                staged_bytes: 50,
                ..Sums::default()
            },
        );
        let names: Vec<_> = shown
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut expected = vec![
            "id",
            "site",
            "recipe",
            "kind",
            "status",
            "at_rest",
            "can",
            "settings",
            "mapping",
            "file",
            "progress",
            "waiting_since",
            "actions",
            "outcomes",
            "effects",
            "issues",
            "rejected",
            "failed",
            "parent",
            "children",
            "undoes",
            "undone_by",
            "same_file_as",
            "created_by",
            "created_at",
            "ready_at",
            "applied_by",
            "applied_at",
            "settled_at",
            "expires_at",
            "undo_until",
        ];
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(
            shown["progress"],
            json!({"stage": "validate", "done": 50, "total": 100, "unit": "bytes", "per_second": 5, "eta_seconds": 10})
        );
        assert_eq!(
            (&shown["can"], &shown["outcomes"]),
            (&json!(["cancel"]), &Value::Null)
        );
        assert_eq!(shown["file"]["sha256"], "01ff");
        assert_eq!(
            shown["file"]["encoding"],
            json!({"value": "UTF-8", "sureness": 1.0, "given": false})
        );
    }

    #[test]
    fn outcomes_come_with_apply_and_hold_what_preview_decided() {
        let sums = Sums {
            actions: Actions {
                update: 7,
                skip: 2,
                reject: 1,
                ..Actions::default()
            },
            outcomes: Outcomes {
                updated: 5,
                ..Outcomes::default()
            },
            planned_effects: Effects::of([("segments_joined", 9)]),
            effects: Effects::of([("segments_joined", 6)]),
            applied: (5, 7),
            previewed: (10, 10),
            ..Sums::default()
        };
        let mut ready = import(Status::Ready);
        ready.rested_at = Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(5));
        let shown_ready = shown(ready, &sums);
        assert_eq!(
            (
                &shown_ready["outcomes"],
                &shown_ready["effects"]["segments_joined"]
            ),
            (&Value::Null, &json!(9))
        );
        assert_eq!(
            (
                &shown_ready["progress"]["done"],
                &shown_ready["progress"]["per_second"]
            ),
            (&json!(10), &json!(2)),
            "speed at rest stays"
        );
        let mut applying = import(Status::Applying);
        applying.applied_at = Some(DateTime::UNIX_EPOCH);
        let shown = shown(applying, &sums);
        let outcomes = &shown["outcomes"];
        assert_eq!(
            (
                &outcomes["updated"],
                &outcomes["skipped"],
                &outcomes["rejected"]
            ),
            (&json!(5), &json!(2), &json!(1))
        );
        assert_eq!(
            (
                &shown["effects"]["segments_joined"],
                &shown["progress"]["total"]
            ),
            (&json!(6), &json!(7))
        );
    }

    #[test]
    fn rejected_and_failed_say_why() {
        let mut rejected = import(Status::Rejected);
        let issue = Issue::error(Code::UnknownColumn, "No such column.")
            .at("emial", "")
            .suggest(Some("email"));
        rejected.rejected = Some(vec![FileIssue {
            issue,
            line: Some(1),
            count: 1,
        }]);
        let expected = json!([{"code": "unknown-column", "line": 1, "column": "emial", "value": null, "message": "No such column.", "suggestion": "email"}]);
        assert_eq!(shown(rejected, &Sums::default())["rejected"], expected);
        let mut failed = import(Status::Failed);
        failed.stage_failed = Some(Stage::Apply);
        failed.failure = Some(json!({"code": "x", "detail": "y", "attempts": 5}));
        let shown = shown(failed, &Sums::default());
        assert_eq!(
            shown["failed"],
            json!({"stage": "apply", "code": "x", "detail": "y", "attempts": 5})
        );
    }
}
