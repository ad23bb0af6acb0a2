//! Where a Muster's database is.

use super::{
    database::Database,
    muster::held,
    postgres::{FEW, Postgres},
};
use std::{path::Path, sync::Mutex};

/// Where its database is.
#[derive(Debug)]
pub(super) enum Base {
    /// On the server of all tests.
    Shared(Database),
    /// On a server of its own.
    Own(Box<Mutex<Postgres>>),
}

impl Base {
    /// Makes it.
    pub(super) async fn make(has_own_postgres: bool, folder: &Path) -> Self {
        if has_own_postgres {
            return Self::Own(Box::new(Mutex::new(Postgres::start(folder, FEW).await)));
        }
        Self::Shared(Database::create().await)
    }

    /// Makes it from a dump.
    pub(super) async fn restore(dump: &str) -> Self {
        Self::Shared(Database::restore(dump).await)
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Shared(database) => database.url(),
            Self::Own(postgres) => held(postgres).url(),
        }
    }

    /// The server, if it is this Muster's own.
    pub(super) fn own(&self) -> &Mutex<Postgres> {
        match self {
            Self::Own(postgres) => postgres,
            Self::Shared(_) => panic!("this Muster has no Postgres of its own: `own_postgres()`"),
        }
    }
}
