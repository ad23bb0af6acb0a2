//! Partitions of the big tables that can never be needed again: every import of theirs is emptied,
//! and no new one can get a number there. Which numbers may still be given the sequences say, not
//! the imports: some may have theirs from another database.

use super::try_lead;
use crate::{batch::context::Context, error::StageError};
use sqlx::{AssertSqlSafe, PgConnection, PgTransaction};

/// A partition, or what is left of one.
struct Partition {
    parent: String,
    name: String,
    state: State,
}

/// Where removing it stands.
enum State {
    /// Nobody has begun.
    Attached,
    /// Somebody was stopped in the middle.
    Detaching,
    /// Nobody sees it any more.
    Detached,
}

/// Removes one after the other. Detaching waits for whoever is reading, for as long as a lock may
/// be waited for; what cannot be had now is tried at the next look.
pub(super) async fn remove(context: &Context) -> Result<(), StageError> {
    while !context.stop.is_cancelled() {
        let Some(mut leading) = try_lead(context).await? else {
            return Ok(());
        };
        let Some(partition) = next(&mut leading).await? else {
            return Ok(());
        };
        drop_one(context, leading, &partition).await?;
        tracing::info!(partition = partition.name, "an empty partition was removed");
    }
    Ok(())
}

/// The next that is not needed; first what somebody has begun, since a table can have only one that
/// is being detached. Those of the latest numbers stay: an import that is just being written may
/// have one that is not to be seen yet.
async fn next(conn: &mut PgConnection) -> Result<Option<Partition>, StageError> {
    let found = sqlx::query!(
        r#"SELECT p.parent AS "parent!", c.relname::text AS "name!", h.inhdetachpending AS "is_detaching?"
             FROM unnest('{import_rows,import_clashes,import_plans,import_issues,import_removed}'::text[]) p (parent)
             JOIN pg_class c ON c.relnamespace = 'muster'::regnamespace AND c.relkind = 'r' AND c.relname ~ ('^' || p.parent || '_[0-9]+$')
             LEFT JOIN pg_inherits h ON h.inhrelid = c.oid
            CROSS JOIN LATERAL (SELECT substring(c.relname FROM '[0-9]+$')::bigint * 256 AS low) n
            WHERE NOT EXISTS (SELECT FROM muster.import_numbers s WHERE n.low + 768 > s.last AND n.low <= s.high)
              AND NOT EXISTS (SELECT FROM muster.imports i WHERE i.no >= n.low AND i.no < n.low + 256 AND i.emptied_at IS NULL)
            ORDER BY h.inhdetachpending DESC NULLS FIRST, c.relname
            LIMIT 1"#,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| {
        let state = match row.is_detaching {
            None => State::Detached,
            Some(true) => State::Detaching,
            Some(false) => State::Attached,
        };
        Partition {
            parent: row.parent,
            name: row.name,
            state,
        }
    }))
}

/// Detaching cannot be done in a transaction, so it goes over a connection of its own while the
/// right to lead is held.
async fn drop_one(
    context: &Context,
    leading: PgTransaction<'static>,
    partition: &Partition,
) -> Result<(), StageError> {
    let Partition {
        parent,
        name,
        state,
    } = partition;
    let mut conn = context.control.acquire().await?;
    let how = match state {
        State::Attached => Some("CONCURRENTLY"),
        State::Detaching => Some("FINALIZE"),
        State::Detached => None,
    };
    if let Some(how) = how {
        execute(
            &mut conn,
            format!("ALTER TABLE muster.{parent} DETACH PARTITION muster.{name} {how}"),
        )
        .await?;
    }
    execute(&mut conn, format!("DROP TABLE muster.{name}")).await?;
    leading.commit().await?;
    Ok(())
}

async fn execute(conn: &mut PgConnection, statement: String) -> Result<(), StageError> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(conn)
        .await?;
    Ok(())
}
