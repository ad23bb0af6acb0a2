//! `import`: one file from upload to its preview, or to its end.

use crate::{
    journey::{Journey, Order},
    tell,
    trouble::Trouble,
};
use muster_shared::model::status::Status;
use muster_tests::client::{
    Client,
    view::{Import, IssuePage},
};
use std::{path::PathBuf, process::ExitCode};

/// The most groups of issues that are printed.
const GROUPS: usize = 20;

/// What to import, and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file: CSV in any usual encoding, or the same with gzip
    file: PathBuf,
    /// What it is for: create-users, create-or-update-users, add-to-segments, enrol-in-courses,
    /// create-segments, create-courses, custom
    #[arg(long)]
    recipe: String,
    /// The site
    #[arg(long, default_value = "demo")]
    site: String,
    /// What a line describes; with the recipe custom
    #[arg(long)]
    kind: Option<String>,
    /// Settings as a JSON object
    #[arg(long)]
    settings: Option<String>,
    /// Apply the preview without asking
    #[arg(long)]
    apply: bool,
}

/// Imports the file and tells what came out.
pub(crate) async fn run(client: &Client, arguments: Arguments) -> Result<ExitCode, Trouble> {
    let Arguments {
        file,
        recipe,
        site,
        kind,
        settings,
        apply,
    } = arguments;
    let journey = Journey {
        client,
        site: &site,
    };
    let import = journey
        .preview(
            &file,
            &Order {
                recipe,
                kind,
                settings,
            },
        )
        .await?;
    println!("{}", tell::file(&import));
    if let Some(reason) = tell::came_to_nothing(&import) {
        return Err(Trouble::Refused(reason));
    }
    let issues = journey.issues(&import).await?;
    let address = journey.address(&import.id);
    print!(
        "{}{}",
        tell::preview(&import),
        tell::issues(&issues, GROUPS, &address)
    );
    if import.status != Status::Ready {
        return Err(Trouble::Refused(format!(
            "The import is {}.",
            import.status
        )));
    }
    if !apply {
        let tag = &import.tag;
        println!(
            "To apply it:\n  curl -X POST -H \"Authorization: Bearer $MUSTER_TOKEN\" -H 'If-Match: {tag}' {address}/apply"
        );
        return Ok(exit_code(&import, &issues));
    }
    let import = journey.apply(&import).await?;
    if let Some(reason) = tell::came_to_nothing(&import) {
        return Err(Trouble::Refused(reason));
    }
    print!("{}", tell::applied(&import));
    if import.status != Status::Applied {
        return Err(Trouble::Refused(format!(
            "The import is {}.",
            import.status
        )));
    }
    Ok(exit_code(&import, &issues))
}

/// 1 if a line came to nothing that should have come to something.
fn exit_code(import: &Import, issues: &IssuePage) -> ExitCode {
    let rejected = import
        .actions
        .as_ref()
        .is_some_and(|actions| actions.reject > 0);
    let undone = import
        .outcomes
        .as_ref()
        .is_some_and(|outcomes| outcomes.rejected + outcomes.held + outcomes.failed > 0);
    let not_found = issues
        .issues
        .iter()
        .any(|group| group.code == "user-not-found");
    ExitCode::from(u8::from(rejected || undone || not_found))
}
