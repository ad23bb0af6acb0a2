//! Staging: what validate asks the database.

use super::sample::Bounds;
use crate::{
    batch::claim::Claim, error::StageError, kinds::importer::Identity, process::crash,
    staging::leftovers,
};
use muster_shared::{
    model::{
        budget::{Budget, Load},
        ids::ImportNo,
        issue::{Code, FileIssue, Issue},
        stage::Stage,
        text::cut,
    },
    store::{
        copy::{CopyRows, SEND_BYTES},
        imports::to_json,
    },
};
use sqlx::PgConnection;

/// Rows that are staged together.
pub(super) struct Chunk {
    import_no: ImportNo,
    pub(super) rows: CopyRows,
    load: Load,
}

impl Chunk {
    pub(super) fn new(import_no: ImportNo) -> Self {
        Self {
            import_no,
            rows: CopyRows::new(),
            load: Load::default(),
        }
    }

    /// Is it time to stage it?
    pub(super) fn is_full(&self) -> bool {
        Budget::CHUNK.is_used_up(&Load {
            bytes: self.rows.bytes() as u64,
            ..self.load
        })
    }

    /// Adds a row. A line of a wrong shape takes none of the values that no two subjects may share.
    pub(super) fn push(
        &mut self,
        line: i32,
        slot: i16,
        parent_line: Option<i32>,
        identity: &Identity,
        cells: &[String],
        issues: &[Issue],
    ) {
        let rows = &mut self.rows;
        rows.row(9);
        rows.bigint(self.import_no.0);
        rows.integer(line);
        rows.smallint(slot);
        rows.optional_text(identity.key.as_deref());
        if issues.is_empty() && identity.unique_values.iter().any(Option::is_some) {
            rows.texts(identity.unique_values.iter().map(Option::as_deref));
        } else {
            rows.null();
        }
        rows.texts(cells.iter().map(|cell| Some(cell.as_str())));
        let before = rows.bytes();
        if issues.is_empty() {
            rows.null();
        } else {
            rows.jsonb(&to_json(&issues));
        }
        // What is read back of issues is about twice as large as their JSON.
        let bytes_held = Load::bytes_of(cells.len(), cells.iter().map(String::len).sum())
            + 2 * (rows.bytes() - before) as u64;
        rows.optional_integer(parent_line);
        rows.integer(bytes_held as i32);
        self.load += Load::of_line(bytes_held, 0);
    }

    /// Stages the rows in a transaction of their own.
    pub(super) async fn stage(
        self,
        claim: &Claim,
        bytes_read: i64,
        lines: i32,
    ) -> Result<(), StageError> {
        let mut work = claim.begin().await?;
        if self.load.lines > 0 {
            self.copy(&mut work).await?;
        }
        work.record_progress(bytes_read, lines).await?;
        crash::point(Stage::Validate, "staged");
        work.commit().await?;
        crash::point(Stage::Validate, "chunk-committed");
        Ok(())
    }

    async fn copy(self, conn: &mut PgConnection) -> Result<(), StageError> {
        let mut copy = conn
            .copy_in_raw(
                "COPY muster.import_rows (import_no, line, slot, key, claims, cells, issues, parent_line, bytes_held)
                 FROM STDIN (FORMAT binary)",
            )
            .await?;
        let all = self.rows.end();
        for piece in all.chunks(SEND_BYTES) {
            copy.send(piece).await?;
        }
        crash::point(Stage::Validate, "copying");
        copy.finish().await?;
        Ok(())
    }
}

/// How the lines are to be divided into slots.
pub(super) enum Division {
    /// By bounds that suit the file.
    Sampled(Bounds),
    /// As those of the import are that are carried on.
    As(ImportNo),
}

/// Sweeps away everything that an earlier reading left, and stores how the lines will be divided.
pub(super) async fn begin(claim: &Claim, division: &Division) -> Result<(), StageError> {
    let import = claim.batch().import_no;
    let mut work = claim.begin().await?;
    sqlx::query!("SET LOCAL statement_timeout = '10min'")
        .execute(&mut *work)
        .await?;
    leftovers::of_validate(&mut work, import).await?;
    store_slots(&mut work, import, division).await?;
    work.commit().await
}

/// The last line that is staged already; 0: none is.
pub(super) async fn last_line(
    conn: &mut PgConnection,
    import: ImportNo,
) -> Result<i32, StageError> {
    let last = sqlx::query_scalar!(
        r#"SELECT max(line) FROM muster.import_rows WHERE import_no = $1"#,
        import.0
    );
    Ok(last.fetch_one(conn).await?.unwrap_or(0))
}

async fn store_slots(
    conn: &mut PgConnection,
    import: ImportNo,
    division: &Division,
) -> Result<(), StageError> {
    match division {
        Division::Sampled(bounds) => sqlx::query!(
            "INSERT INTO muster.import_slots (import_no, bounds, line_weights) VALUES ($1, $2, $3)",
            import.0,
            &bounds.keys,
            &bounds.line_weights,
        )
        .execute(conn)
        .await?,
        Division::As(parent) => {
            sqlx::query!(
                "INSERT INTO muster.import_slots (import_no, bounds, line_weights)
                 SELECT $1, bounds, line_weights FROM muster.import_slots WHERE import_no = $2",
                import.0,
                parent.0,
            )
            .execute(conn)
            .await?
        }
    };
    Ok(())
}

/// Finds the values that two subjects have and may not share: the first line that names one keeps
/// it.
pub(super) async fn find_duplicates(
    conn: &mut PgConnection,
    import: ImportNo,
    unique_values: usize,
) -> Result<(), StageError> {
    for nth in 1..=unique_values as i32 {
        if !may_be_shared(conn, import, nth).await? {
            continue;
        }
        sqlx::query!(
            "WITH claimed AS (
                SELECT line, claims[$2::integer] AS value, coalesce(key, '#' || line) AS key FROM muster.import_rows
                 WHERE import_no = $1 AND claims[$2::integer] IS NOT NULL),
             shared AS (
                SELECT value, min(line) AS first_line FROM claimed GROUP BY value HAVING min(key) <> max(key))
             INSERT INTO muster.import_clashes (import_no, line, claim, first_line)
             SELECT $1, c.line, $2::integer, s.first_line
               FROM shared s
               JOIN claimed c ON c.value = s.value
               JOIN claimed f ON f.line = s.first_line
              WHERE c.key <> f.key",
            import.0,
            nth,
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// May two lines have the same value? Counting hashes takes half as long as comparing
/// values, and nearly always it is enough.
async fn may_be_shared(
    conn: &mut PgConnection,
    import: ImportNo,
    nth: i32,
) -> Result<bool, StageError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (
            SELECT FROM muster.import_rows WHERE import_no = $1 AND claims[$2::integer] IS NOT NULL
             GROUP BY hashtextextended(claims[$2::integer], 0) HAVING count(*) > 1) AS "is_so!""#,
        import.0,
        nth,
    )
    .fetch_one(conn)
    .await?)
}

/// For statements over all lines of an import, the opposite of what lanes do elsewhere: they hash,
/// and never look up. Statistics do not know the import yet, so the planner expects a line or two
/// and would look through all for each of all. Ten million lines take some ten seconds.
pub(super) async fn look_at_all_lines(conn: &mut PgConnection) -> Result<(), StageError> {
    for setting in [
        "SET LOCAL enable_nestloop = off",
        "SET LOCAL enable_hashjoin = on",
        "SET LOCAL enable_seqscan = on",
    ] {
        sqlx::query(setting).execute(&mut *conn).await?;
    }
    sqlx::query!("SET LOCAL statement_timeout = '10min'")
        .execute(conn)
        .await?;
    Ok(())
}

/// The issue of a file with too many lines about one subject: they would all be one transaction.
pub(super) async fn too_many_lines(
    conn: &mut PgConnection,
    import: ImportNo,
    max: u64,
) -> Result<Option<FileIssue>, StageError> {
    // Counting small numbers first is five times as fast as counting keys, and nearly always
    // enough.
    let found = sqlx::query!(
        r#"WITH full_slots AS (
                SELECT slot FROM muster.import_rows WHERE import_no = $1 GROUP BY slot HAVING count(*) > $2)
           SELECT key AS "key!", count(*) AS "lines!", min(line) AS "first_line!" FROM muster.import_rows
            WHERE import_no = $1 AND slot IN (SELECT slot FROM full_slots) AND key IS NOT NULL
            GROUP BY key HAVING count(*) > $2 ORDER BY min(line) LIMIT 1"#,
        import.0,
        max as i64,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|found| {
        let message = format!(
            "{} lines of the file are about the same one; at most {max} are allowed.",
            found.lines
        );
        let mut issue = Issue::error(Code::Limit, message);
        issue.value = Some(cut(&found.key, Issue::VALUE_CHARS).to_owned());
        FileIssue {
            issue,
            line: Some(found.first_line),
            count: 1,
        }
    }))
}
