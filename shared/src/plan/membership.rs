//! What people belong to, as one sort of thing: a sort of membership is its spec here, a table with
//! a branch in the views `lms.memberships` and `lms.membership_objects`, and how it is given and
//! taken in the worker.

use crate::model::tally::Effect;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// The sorts of memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum MembershipSort {
    /// In a segment.
    Segment,
    /// In a course.
    Enrolment,
    /// A role in a course in which the person is enrolled.
    CourseRole,
}

/// What differs from sort to sort.
#[derive(Debug)]
pub struct MembershipSpec {
    /// Under which plans and the views of the database have it.
    pub letter: u8,
    /// As rows and effects call it.
    pub label: &'static str,
    /// Where memberships are.
    pub table: &'static str,
    /// The column there that names what somebody belongs to.
    pub key_column: &'static str,
    /// Where the things are to which one can belong.
    pub objects: &'static str,
    /// The membership in the same thing on which it hangs: it cannot be given without that, nor
    /// that be taken while it is there.
    pub hangs_on: Option<MembershipSort>,
    /// Is the name of the thing told besides its key?
    pub tells_name: bool,
    /// How it is told that one joins, leaves, stays.
    pub words: [&'static str; 3],
    /// The effects that count who joins and who leaves.
    pub effects: [Effect; 2],
}

static SEGMENT: MembershipSpec = MembershipSpec {
    letter: b's',
    label: "segment",
    table: "lms.segment_members",
    key_column: "segment_id",
    objects: "lms.segments",
    hangs_on: None,
    tells_name: true,
    words: ["join", "leave", "already"],
    effects: [
        Effect::new("segments_joined", "times somebody joined a segment"),
        Effect::new("segments_left", "times somebody left a segment"),
    ],
};

static ENROLMENT: MembershipSpec = MembershipSpec {
    letter: b'e',
    label: "enrolment",
    table: "lms.enrolments",
    key_column: "course_id",
    objects: "lms.courses",
    hangs_on: None,
    tells_name: true,
    words: ["join", "remove", "already"],
    effects: [
        Effect::new("enrolments_created", "times somebody was enrolled"),
        Effect::new("enrolments_removed", "enrolments ended"),
    ],
};

static COURSE_ROLE: MembershipSpec = MembershipSpec {
    letter: b'r',
    label: "course_role",
    table: "lms.role_assignments",
    key_column: "course_id",
    objects: "lms.courses",
    hangs_on: Some(MembershipSort::Enrolment),
    tells_name: false,
    words: ["add", "remove", "already"],
    effects: [
        Effect::new("course_roles_added", "roles given in courses"),
        Effect::new("course_roles_removed", "roles taken in courses"),
    ],
};

impl MembershipSort {
    /// What differs.
    #[must_use]
    pub fn spec(self) -> &'static MembershipSpec {
        match self {
            Self::Segment => &SEGMENT,
            Self::Enrolment => &ENROLMENT,
            Self::CourseRole => &COURSE_ROLE,
        }
    }

    /// All there are. A sort on which another hangs comes before it.
    #[must_use]
    pub fn all() -> &'static [Self] {
        Self::VARIANTS
    }

    /// The sort that is stored under this letter.
    #[must_use]
    pub fn of_letter(letter: u8) -> Option<Self> {
        Self::VARIANTS
            .iter()
            .copied()
            .find(|sort| sort.spec().letter == letter)
    }

    /// The sort that is stored under this letter, as the views have it.
    #[must_use]
    pub fn of_text(letter: &str) -> Option<Self> {
        let [letter] = letter.as_bytes() else {
            return None;
        };
        Self::of_letter(*letter)
    }

    /// The letter as text, as the views have it.
    #[must_use]
    pub fn text(self) -> String {
        char::from(self.spec().letter).to_string()
    }
}

/// What becomes of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, VariantArray)]
pub enum Does {
    /// It begins.
    Joins,
    /// It ends.
    Leaves,
    /// It is there, and the plan rests on that.
    Stays,
}

impl Does {
    /// The letter under which it is stored.
    #[must_use]
    pub fn letter(self) -> u8 {
        match self {
            Self::Joins => b'j',
            Self::Leaves => b'l',
            Self::Stays => b's',
        }
    }

    /// What is stored under this letter.
    #[must_use]
    pub fn of_letter(letter: u8) -> Option<Self> {
        Self::VARIANTS
            .iter()
            .copied()
            .find(|does| does.letter() == letter)
    }

    /// How it is told of a membership of that sort.
    #[must_use]
    pub fn word(self, sort: MembershipSort) -> &'static str {
        let [joins, leaves, stays] = sort.spec().words;
        match self {
            Self::Joins => joins,
            Self::Leaves => leaves,
            Self::Stays => stays,
        }
    }

    /// The effect that counts it; `None`: nothing happens.
    #[must_use]
    pub fn effect(self, sort: MembershipSort) -> Option<&'static Effect> {
        let [joined, left] = &sort.spec().effects;
        match self {
            Self::Joins => Some(joined),
            Self::Leaves => Some(left),
            Self::Stays => None,
        }
    }
}

/// Which membership of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MembershipKey {
    /// Its sort.
    pub sort: MembershipSort,
    /// The segment, the course.
    pub id: i64,
    /// The role, where the sort has one.
    pub role: Option<i32>,
}

impl MembershipKey {
    /// In a segment.
    #[must_use]
    pub fn segment(id: i64) -> Self {
        Self {
            sort: MembershipSort::Segment,
            id,
            role: None,
        }
    }

    /// In a course.
    #[must_use]
    pub fn enrolment(id: i64) -> Self {
        Self {
            sort: MembershipSort::Enrolment,
            id,
            role: None,
        }
    }

    /// A role in a course.
    #[must_use]
    pub fn course_role(id: i64, role: i32) -> Self {
        Self {
            sort: MembershipSort::CourseRole,
            id,
            role: Some(role),
        }
    }

    /// The membership that a row of the sort's table is, as JSON; `None`: it does not say in what.
    #[must_use]
    pub fn of_record(sort: MembershipSort, record: &serde_json::Value) -> Option<Self> {
        let id = record.get(sort.spec().key_column)?.as_i64()?;
        let role = record
            .get("role_id")
            .and_then(serde_json::Value::as_i64)
            .and_then(|role| i32::try_from(role).ok());
        Some(Self { sort, id, role })
    }

    /// The one on which this one hangs.
    #[must_use]
    pub fn base(self) -> Option<Self> {
        Some(Self {
            sort: self.sort.spec().hangs_on?,
            id: self.id,
            role: None,
        })
    }
}

/// A membership that a line names, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Which.
    pub key: MembershipKey,
    /// What becomes of it.
    pub does: Does,
    /// What it holds, where that is not what an import gives by itself.
    pub detail: Option<Box<MembershipDetail>>,
    /// The rule that asks for it; `None`: the line itself.
    pub by: Option<i32>,
}

impl Membership {
    /// One that the line itself asks for, with nothing of its own.
    #[must_use]
    pub fn new(key: MembershipKey, does: Does) -> Self {
        Self {
            key,
            does,
            detail: None,
            by: None,
        }
    }

    /// Does it begin or end?
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.does != Does::Stays
    }

    /// Puts memberships into the order in which they are told: of segments first who joins, then
    /// who leaves and stays; all others as they are.
    pub fn sort_as_told(memberships: &mut [Self]) {
        memberships.sort_by_key(|membership| match (membership.key.sort, membership.does) {
            (MembershipSort::Segment, Does::Joins) => 0,
            (MembershipSort::Segment, Does::Leaves) => 1,
            (MembershipSort::Segment, Does::Stays) => 2,
            _ => 3,
        });
    }

    /// What it holds afterwards, where that is not what an import gives by itself.
    #[must_use]
    pub fn given(&self) -> Option<&MembershipTerms> {
        self.detail.as_ref()?.after.as_ref()
    }
}

/// What a membership holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipDetail {
    /// Before the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<MembershipTerms>,
    /// After it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<MembershipTerms>,
}

/// What a membership is like, besides whose and in what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipTerms {
    /// The number of the import that gave it; `None`: it was given by hand.
    pub source: Option<i64>,
    /// Of an enrolment: 0 active, 1 suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i16>,
    /// Of an enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    /// Of an enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
}

impl MembershipTerms {
    /// Is it an enrolment that is suspended?
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.status == Some(1)
    }

    /// Is it the same, whoever gave it?
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        Self {
            source: None,
            ..*self
        } == Self {
            source: None,
            ..*other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_labels_are_each_ones_own() {
        for sort in MembershipSort::VARIANTS {
            assert_eq!(MembershipSort::of_text(&sort.text()), Some(*sort));
            let same = MembershipSort::VARIANTS
                .iter()
                .filter(|other| other.spec().label == sort.spec().label);
            assert_eq!(same.count(), 1, "{sort:?}");
        }
        for does in Does::VARIANTS {
            assert_eq!(Does::of_letter(does.letter()), Some(*does));
        }
        assert_eq!(
            (
                MembershipSort::of_text(""),
                MembershipSort::of_text("x"),
                Does::of_letter(b'x')
            ),
            (None, None, None)
        );
    }

    #[test]
    fn what_another_hangs_on_comes_before_it() {
        let place = |sort: MembershipSort| {
            MembershipSort::all()
                .iter()
                .position(|other| *other == sort)
        };
        for &sort in MembershipSort::all() {
            assert!(
                sort.spec()
                    .hangs_on
                    .is_none_or(|base| place(base) < place(sort)),
                "{sort:?}"
            );
        }
    }

    #[test]
    fn a_role_hangs_on_the_enrolment_in_its_course() {
        assert_eq!(
            MembershipKey::course_role(7, 1).base(),
            Some(MembershipKey::enrolment(7))
        );
        assert_eq!(MembershipKey::enrolment(7).base(), None);
    }
}
