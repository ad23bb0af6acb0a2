//! A moment of which a client speaks, in a cursor: one that Postgres can hold. A date of chrono may
//! lie far before its calendar begins.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The first second that a `timestamptz` holds, the Julian day 0 (24 November 4714 BC), in seconds
/// of Unix. The last one is beyond chrono.
const FIRST_SECOND: i64 = -210_866_803_200;

/// A moment that Postgres can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DateTime<Utc>")]
pub(crate) struct Moment(pub(crate) DateTime<Utc>);

/// It lies before all that Postgres can hold.
#[derive(Debug, thiserror::Error)]
#[error("the date is too early")]
pub(crate) struct TooEarly;

impl TryFrom<DateTime<Utc>> for Moment {
    type Error = TooEarly;

    fn try_from(at: DateTime<Utc>) -> Result<Self, TooEarly> {
        if at.timestamp() < FIRST_SECOND {
            Err(TooEarly)
        } else {
            Ok(Self(at))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_postgres_holds_is_read() {
        for (text, holds) in [
            ("2026-01-02T03:04:05.678901Z", true),
            ("2026-06-30T23:59:60Z", true),
            ("+262142-12-31T23:59:59Z", true),
            ("+262144-01-01T00:00:00Z", false),
            ("0001-01-01T00:00:00Z", true),
            ("-4713-11-24T00:00:00Z", true),
            ("-4713-11-23T23:59:59.999999Z", false),
            ("-4713-11-24T00:00:00+01:00", false),
            ("-5000-01-01T00:00:00Z", false),
            ("-262143-01-01T00:00:00Z", false),
            ("-262145-01-01T00:00:00Z", false),
            ("2026-01-02", false),
            ("infinity", false),
            ("", false),
        ] {
            let read = serde_json::from_value::<Moment>(text.into());
            assert_eq!(read.is_ok(), holds, "{text}: {read:?}");
        }
        let moment: Moment = serde_json::from_str("\"2026-01-02T03:04:05.678901Z\"").unwrap();
        assert_eq!(
            serde_json::to_string(&moment).unwrap(),
            "\"2026-01-02T03:04:05.678901Z\""
        );
    }
}
