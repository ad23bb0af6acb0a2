//! The issues of an import, grouped: how many lines have the same problem with the same value.

use crate::error::StageError;
use muster_shared::{model::ids::ImportNo, store::batches};
use sqlx::PgConnection;

/// Issue groups that are kept, the largest of each severity first; the others are counted without
/// their values.
const MAX_GROUPS: i64 = 10_000;

/// Counts the issues of all lines and of the file by code, column and value, errors first, then by
/// count.
pub(crate) async fn count(conn: &mut PgConnection, import: ImportNo) -> Result<(), StageError> {
    let (headings, counts): (Vec<_>, Vec<_>) = batches::ignored_by_details(conn, import)
        .await?
        .into_iter()
        .unzip();
    sqlx::query!(
        "WITH by_value AS (
            SELECT code, severity, column_name, value, count(*) AS count, min(line) AS first_line,
                   min(message) AS message, min(suggestion) AS suggestion
              FROM muster.import_issues WHERE import_no = $1
             GROUP BY code, severity, column_name, value),
         ranked AS (
            SELECT *, row_number() OVER (PARTITION BY severity ORDER BY count DESC, first_line) > $2 AS is_rest FROM by_value),
         kept AS (
            SELECT code, severity, column_name, value, count, first_line, message, suggestion FROM ranked WHERE NOT is_rest
             UNION ALL
            SELECT code, severity, column_name, NULL, sum(count), min(first_line), 'Further values with the same problem.', NULL
              FROM ranked WHERE is_rest GROUP BY code, severity, column_name
             UNION ALL
            SELECT f ->> 'code', left(f ->> 'severity', 1)::\"char\", f ->> 'column', f ->> 'value', (f ->> 'count')::bigint, NULL,
                   f ->> 'message', f ->> 'suggestion'
              FROM muster.imports i CROSS JOIN jsonb_array_elements(i.file_issues) f WHERE i.no = $1
             UNION ALL
            SELECT 'ignored-by-details', 'w', c.heading, NULL, c.count, NULL,
                   'Details of people who exist are kept: what these cells say is passed over.', NULL
              FROM unnest($3::text[], $4::bigint[]) AS c (heading, count))
         INSERT INTO muster.import_issue_groups
                (import_no, number, code, severity, column_name, value, count, first_line, message, suggestion)
         SELECT $1, row_number() OVER (ORDER BY strpos('ewi', severity::text), count DESC, first_line, code, column_name, value),
                code, severity, column_name, value, count, first_line, message, suggestion
           FROM kept",
        import.0,
        MAX_GROUPS,
        &headings,
        &counts,
    )
    .execute(conn)
    .await?;
    Ok(())
}
