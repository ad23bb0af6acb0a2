//! The SQL that both processes share, each test on a database of its own, without any process of
//! Muster.

mod claims;
mod moves;
mod planned;

use muster_shared::model::{
    ids::{ImportId, ImportNo},
    reading::{Delimiter, Found, Reading},
    status::Status,
};
use muster_tests::harness::Database;
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};

/// A database with one import in it.
struct Ground {
    // Goes last.
    pool: PgPool,
    _database: Database,
    import: ImportNo,
    id: ImportId,
}

impl Ground {
    /// An import in that status, with nothing of it read or planned.
    async fn with_import(status: Status) -> Self {
        let database = Database::create().await;
        let pool = database.connect().await;
        let id = ImportId::fresh();
        let statement = "
            WITH site AS (INSERT INTO muster.sites (slug, name) VALUES ('demo', 'Demo') RETURNING id),
                 account AS (INSERT INTO muster.accounts (id, email) VALUES (gen_random_uuid(), 'a@example.com') RETURNING id)
            INSERT INTO muster.imports (id, site_id, recipe, kind, settings, fields, status, is_small, file_bytes, file_expanded_bytes,
                                        file_sha256, file_reading, created_by, created_at, stage_started_at, expires_at, stage_failed, rested_at)
            SELECT $1, site.id, 'create-segments', 'segments', $3, '{}', $2, true, 0, 0, '', $4, account.id, now(), now(), now() + interval '1 day',
                   CASE WHEN $2 = 'failed' THEN 'preview' END, CASE WHEN $5 THEN now() END
              FROM site, account
            RETURNING no";
        let settings = serde_json::json!({"mode": "create-only", "existing_details": "keep"});
        let reading = Reading {
            encoding: Found::given("UTF-8".to_owned()),
            delimiter: Found::given(Delimiter::Comma),
        };
        let import = sqlx::query_scalar(statement)
            .bind(id.0)
            .bind(status.name())
            .bind(settings)
            .bind(sqlx::types::Json(reading))
            .bind(status.is_at_rest())
            .fetch_one(&pool)
            .await
            .expect("an import");
        Self {
            pool,
            _database: database,
            import: ImportNo(import),
            id,
        }
    }

    async fn connection(&self) -> PoolConnection<Postgres> {
        self.pool.acquire().await.expect("a connection")
    }
}

/// Runs a statement with the number of the import as `$1`.
async fn run(conn: &mut PgConnection, statement: &'static str, import: ImportNo) {
    let done = sqlx::query(statement).bind(import.0).execute(conn).await;
    done.expect("a statement");
}

/// The batches of a stage: `number state low..high lines`.
async fn batches(conn: &mut PgConnection, import: ImportNo, stage: &str) -> Vec<String> {
    let statement = "SELECT format('%s %s %s %s..%s %s', number, step, state, low, high, lines)
                       FROM muster.import_batches WHERE import_no = $1 AND stage = $2
                      ORDER BY array_position(ARRAY['before', 'main', 'after'], step), number";
    sqlx::query_scalar(statement)
        .bind(import.0)
        .bind(stage)
        .fetch_all(conn)
        .await
        .expect("batches")
}
