//! The payload of the queue: which import to look at; never what to do there, which Postgres knows.

use crate::model::ids::ImportId;
use serde::{Deserialize, Serialize};

/// "Look at this import." Members that a later version adds are ignored, so that old and new
/// processes can share a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// The import to look at.
    pub import: ImportId,
    /// The W3C `traceparent` of whoever rang, so that one trace spans both processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Wake {
    /// A wake for this import without a trace.
    #[must_use]
    pub const fn new(import: ImportId) -> Self {
        Self {
            import,
            trace: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMPORT: &str = "01937f2e-0000-7000-8000-000000000001";

    #[test]
    fn is_read_back_as_it_was_written() {
        for trace in [
            None,
            Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        ] {
            let wake = Wake {
                import: IMPORT.parse().unwrap(),
                trace,
            };
            assert_eq!(
                serde_json::from_slice::<Wake>(&serde_json::to_vec(&wake).unwrap()).unwrap(),
                wake
            );
        }
    }

    #[test]
    fn tolerates_members_of_later_versions() {
        let text = format!(r#"{{"import":"{IMPORT}","stage":"apply","urgency":3}}"#);
        assert_eq!(
            serde_json::from_str::<Wake>(&text).unwrap(),
            Wake::new(IMPORT.parse().unwrap())
        );
    }
}
