//! What an operator does with a Muster's database beside letting it run: copies it, restores it,
//! runs commands that may be refused.

use super::{
    database::{self, Database},
    muster::{Muster, program},
    postgres::programs,
};
use sqlx::PgPool;
use std::process::Command;

/// What a Muster's database held at a moment, as a database of its own.
#[derive(Debug)]
pub struct Copied {
    pool: PgPool,
    database: Database,
}

impl Copied {
    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.database.url()
    }

    /// Connections to it.
    #[must_use]
    pub fn sql(&self) -> &PgPool {
        &self.pool
    }
}

impl Muster {
    /// Copies what its database holds now, while it goes on.
    pub async fn copied(&self) -> Copied {
        let parts = self.parts();
        let dump = parts.folder.path().join("dump.sql");
        let database = Database::empty().await;
        run(Command::new(programs().join("pg_dump"))
            .arg("--file")
            .arg(&dump)
            .arg(parts.base.url()));
        run(Command::new(programs().join("psql"))
            .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(&dump)
            .args(["-d", &database.url()]));
        Copied {
            pool: database::pool(&database.url()).await,
            database,
        }
    }

    /// Runs one of `muster-api`'s commands: what it ended with, and what it wrote to standard
    /// error.
    #[must_use]
    pub fn attempt(&self, arguments: &[&str]) -> (i32, String) {
        let output = program("muster-api", &self.parts().settings)
            .args(arguments)
            .output()
            .expect("muster-api was just built");
        (
            output.status.code().expect("it was not killed"),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    assert!(
        output.status.success(),
        "{}\n{}",
        command.get_program().display(),
        String::from_utf8_lossy(&output.stderr)
    );
}
