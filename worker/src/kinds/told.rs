//! Plans as text, for tables of tests.

use muster_shared::plan::{Does, Plan};
use std::fmt::Write as _;

/// A plan in a line, with the names of the kind's fields:
/// `2 update 5.1 city Oslo→Rome +s7 =e9 (warning user-exists)`: line, action, subject and the order
/// among its lines, changes, what joins (+), stays (=) and leaves (-), issues.
pub(crate) fn told(plan: &Plan, fields: &[&str]) -> String {
    let mut text = format!("{} {}", plan.line, plan.action());
    if let Some(write) = plan.written() {
        let _ = write!(text, " {}.{}", write.subject, write.seq);
        for change in write.changes.iter() {
            let value = |value: &Option<String>| value.clone().unwrap_or_default();
            let (before, after) = (value(&change.before), value(&change.after));
            let _ = write!(text, " {} {before}→{after}", fields[change.field]);
        }
        for membership in &write.memberships {
            let sign = match membership.does {
                Does::Joins => '+',
                Does::Stays => '=',
                Does::Leaves => '-',
            };
            let key = membership.key;
            let _ = write!(text, " {sign}{}{}", key.sort.text(), key.id);
            text += &key.role.map(|role| format!("/{role}")).unwrap_or_default();
        }
    }
    for issue in &plan.issues {
        let _ = write!(text, " ({} {})", issue.severity, issue.code);
    }
    text
}
