//! `demo`: what Muster does, on files that are made here. How many mistakes they hold is known, and
//! every count is checked.

use crate::{
    journey::{Journey, Order},
    show::grouped,
    tell,
    trouble::Trouble,
};
use muster_shared::model::{issue::Severity, status::Status};
use muster_tests::{
    client::{
        Client,
        view::{Import, IssuePage},
    },
    make::{self, Expected},
};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::ExitCode};

const SEED: u64 = 1;

/// The most groups of issues that are printed of one file.
const GROUPS: usize = 6;

/// How large, and where.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The site
    #[arg(long, default_value = "demo")]
    site: String,
    /// How many people
    #[arg(long, default_value_t = 10_000)]
    people: usize,
}

/// One import of the demo.
struct Step {
    about: &'static str,
    recipe: &'static str,
    file: &'static str,
    expected: Expected,
}

/// Makes the files, imports them one after the other, and tells where to look.
pub(crate) async fn run(client: &Client, arguments: &Arguments) -> Result<ExitCode, Trouble> {
    let folder = tempfile::tempdir()
        .map_err(|error| Trouble::Refused(format!("no folder for the files: {error}")))?;
    let steps = write(folder.path(), arguments.people)
        .map_err(|error| Trouble::Refused(format!("{error:#}")))?;
    let journey = Journey {
        client,
        site: &arguments.site,
    };
    let is_first = is_empty(&journey).await?;
    let mut last = None;
    for step in &steps {
        last = Some(take(&journey, folder.path(), step, is_first).await?);
    }
    tell_where(&journey, last.as_ref());
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, people: usize) -> anyhow::Result<Vec<Step>> {
    let (segments, courses, people) = (
        make::segments(),
        make::courses(),
        make::people(SEED, people),
    );
    let memberships = make::memberships(SEED, &people, &segments, &courses);
    let files = [
        ("segments.csv", make::segments_file(&segments)),
        ("courses.csv", make::courses_file(&courses)),
        ("people.csv", make::people_file(&people)),
    ];
    std::fs::write(folder.join("staff.csv"), &memberships.bytes)?;
    for (name, made) in &files {
        std::fs::write(folder.join(name), &made.bytes)?;
    }
    let [
        (segments, of_segments),
        (courses, of_courses),
        (people, of_people),
    ] = files;
    let step = |about, recipe, file, expected| Step {
        about,
        recipe,
        file,
        expected,
    };
    let sheet = "a spreadsheet's export: semicolons, Windows-1252, mistakes";
    Ok(vec![
        step(
            "Segments",
            "create-segments",
            segments,
            of_segments.expected,
        ),
        step("Courses", "create-courses", courses, of_courses.expected),
        step("People", "create-users", people, of_people.expected),
        step(sheet, "add-to-segments", "staff.csv", memberships.segments),
        step(
            "the same file once more, for its courses",
            "enrol-in-courses",
            "staff.csv",
            memberships.courses,
        ),
    ])
}

/// Is there nothing in the site yet? Then every count is known beforehand.
async fn is_empty(journey: &Journey<'_>) -> Result<bool, Trouble> {
    for list in ["users", "segments", "courses"] {
        let path = format!("/api/v1/sites/{}/{list}?limit=1", journey.site);
        let page = journey.success(journey.client.get(&path).await)?.json();
        if page[list].as_array().is_none_or(|found| !found.is_empty()) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn take(
    journey: &Journey<'_>,
    folder: &Path,
    step: &Step,
    is_first: bool,
) -> Result<Import, Trouble> {
    println!(
        "\n== {} ({}, {} lines)",
        step.about,
        step.recipe,
        grouped(step.expected.lines())
    );
    let order = Order {
        recipe: step.recipe.to_owned(),
        kind: None,
        settings: None,
    };
    let ready = journey.preview(&folder.join(step.file), &order).await?;
    println!("{}", tell::file(&ready));
    let issues = journey.issues(&ready).await?;
    print!(
        "{}{}",
        tell::preview(&ready),
        tell::issues(&issues, GROUPS, &journey.address(&ready.id))
    );
    end(&ready, Status::Ready)?;
    compare(step, is_first, &ready, &issues)?;
    let applied = journey.apply(&ready).await?;
    print!("{}", tell::applied(&applied));
    end(&applied, Status::Applied)?;
    compare_applied(step, &ready, &applied)?;
    Ok(applied)
}

fn end(import: &Import, wanted: Status) -> Result<(), Trouble> {
    if import.status == wanted {
        return Ok(());
    }
    let reason = tell::came_to_nothing(import).unwrap_or_default();
    Err(Trouble::Refused(format!(
        "The import should be {wanted} and is {}. {reason}",
        import.status
    )))
}

/// The preview must count what the maker of the file knows. In a site with other data only what
/// does not depend on it.
fn compare(step: &Step, is_first: bool, ready: &Import, issues: &IssuePage) -> Result<(), Trouble> {
    let (actions, effects) = (
        ready.actions.unwrap_or_default(),
        ready.effects.clone().unwrap_or_default(),
    );
    let mut errors = BTreeMap::new();
    for group in issues
        .issues
        .iter()
        .filter(|group| group.severity == Severity::Error)
    {
        *errors.entry(group.code.as_str()).or_default() += group.count;
    }
    let (first, again) = (&step.expected, step.expected.again());
    let counts_agree = if is_first {
        (actions, &effects) == (first.actions, &first.effects)
    } else {
        let (mut whole, mut wanted) = (actions, again.actions);
        whole.skip += std::mem::take(&mut whole.create);
        whole.unchanged += std::mem::take(&mut whole.update);
        wanted.skip += std::mem::take(&mut wanted.create);
        whole == wanted
    };
    // Only the first page of groups was read: where it does not end there, the errors cannot be
    // compared.
    let errors_agree = issues.next.is_some() || errors == first.errors;
    if counts_agree && errors_agree {
        return Ok(());
    }
    let wanted = if is_first { first } else { &again };
    Err(unexpected(
        step,
        &told(&wanted.actions, &wanted.effects, &wanted.errors),
        &told(&actions, &effects, &errors),
    ))
}

/// Everything must have happened as it was planned.
fn compare_applied(step: &Step, ready: &Import, applied: &Import) -> Result<(), Trouble> {
    let lines = ready.actions.unwrap_or_default();
    let done = applied.outcomes.unwrap_or_default();
    let same_lines = (
        done.created,
        done.updated,
        done.unchanged,
        done.skipped,
        done.rejected,
    ) == (
        lines.create,
        lines.update,
        lines.unchanged,
        lines.skip,
        lines.reject,
    );
    let (happened, planned) = (
        applied.effects.clone().unwrap_or_default(),
        ready.effects.clone().unwrap_or_default(),
    );
    if same_lines && happened == planned {
        return Ok(());
    }
    Err(unexpected(
        step,
        &told(&ready.actions, &planned, &()),
        &told(&done, &happened, &()),
    ))
}

fn unexpected(step: &Step, wanted: &str, found: &str) -> Trouble {
    Trouble::Refused(format!(
        "This is a defect of Muster: {} ({}) should give\n  {wanted}\nand gives\n  {found}",
        step.recipe, step.file
    ))
}

/// Lines, effects and errors that are not zero.
fn told(lines: &impl Serialize, effects: &impl Serialize, errors: &impl Serialize) -> String {
    let mut all = [
        serde_json::to_value(lines),
        serde_json::to_value(effects),
        serde_json::to_value(errors),
    ]
    .map(Result::unwrap_or_default);
    for object in all.iter_mut().filter_map(Value::as_object_mut) {
        object.retain(|_, count| *count != 0);
    }
    all.map(|counts| counts.to_string()).join(" ")
}

fn tell_where(journey: &Journey<'_>, last: Option<&Import>) {
    let site = format!("{}/api/v1/sites/{}", journey.client.base(), journey.site);
    let curl = "curl -H \"Authorization: Bearer $MUSTER_TOKEN\"";
    println!("\nWhere to look (`. .local/env` sets the token):");
    println!(
        "  {curl} \"{site}/users?q=anna.\"\n  {curl} {site}/segments\n  {curl} {site}/courses\n  {curl} {site}/imports"
    );
    if let Some(import) = last {
        let address = journey.address(&import.id);
        println!(
            "  {curl} \"{address}/rows?action=reject\"\n  {curl} -o report.csv {address}/report.csv"
        );
    }
}
