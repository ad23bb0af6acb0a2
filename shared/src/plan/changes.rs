//! The fields that a line would write, and nothing about those that it would not.

/// The most fields that a kind may have: a plan stores which are written as the bits of one number.
pub const MAX_FIELDS: usize = 63;

/// A field that is written. Not `Debug`: values must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// Its position among the kind's fields.
    pub field: usize,
    /// What it holds; `None`: nothing.
    pub before: Option<String>,
    /// What it is to hold; `None`: nothing.
    pub after: Option<String>,
}

/// The fields that are written, in the order of their positions.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Changes(Vec<Change>);

/// As plans are stored: which fields, and their values by position. Values that are all absent are
/// stored as none at all.
pub(crate) struct StoredChanges {
    pub(crate) mask: i64,
    pub(crate) before: Option<Vec<Option<String>>>,
    pub(crate) after: Option<Vec<Option<String>>>,
}

impl Changes {
    /// Something new gets all of these that are there, by position.
    #[must_use]
    pub fn of_new(values: Vec<Option<String>>) -> Self {
        let written = values
            .into_iter()
            .enumerate()
            .filter(|(_, value)| value.is_some());
        Self(
            written
                .map(|(field, after)| Change {
                    field,
                    before: None,
                    after,
                })
                .collect(),
        )
    }

    /// Something that holds these values goes.
    #[must_use]
    pub fn of_gone(values: &[Option<String>]) -> Self {
        Self(
            values
                .iter()
                .enumerate()
                .map(|(field, before)| Change {
                    field,
                    before: before.clone(),
                    after: None,
                })
                .collect(),
        )
    }

    /// Writes a field, once: of what was written into it before nothing is kept.
    pub fn write(&mut self, field: usize, before: Option<&str>, after: Option<&str>) {
        let change = Change {
            field,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        match self.0.binary_search_by_key(&field, |change| change.field) {
            Ok(at) => self.0[at] = change,
            Err(at) => self.0.insert(at, change),
        }
    }

    /// Does not write a field.
    pub fn leave(&mut self, field: usize) {
        self.0.retain(|change| change.field != field);
    }

    /// The change of a field; `None`: it is not written.
    #[must_use]
    pub fn of(&self, field: usize) -> Option<&Change> {
        self.0
            .binary_search_by_key(&field, |change| change.field)
            .ok()
            .map(|at| &self.0[at])
    }

    /// The change of a field, to be altered.
    pub fn of_mut(&mut self, field: usize) -> Option<&mut Change> {
        self.0.iter_mut().find(|change| change.field == field)
    }

    /// What a field is to hold; `None`: nothing, or it is not written.
    #[must_use]
    pub fn after(&self, field: usize) -> Option<&str> {
        self.of(field)?.after.as_deref()
    }

    /// Is nothing written?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One by one, in the order of their positions.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }

    /// What takes them back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self(
            self.0
                .iter()
                .map(
                    |Change {
                         field,
                         before,
                         after,
                     }| Change {
                        field: *field,
                        before: after.clone(),
                        after: before.clone(),
                    },
                )
                .collect(),
        )
    }

    /// Bit i: field i is written.
    #[must_use]
    pub fn mask(&self) -> i64 {
        self.0
            .iter()
            .fold(0, |mask, change| mask | 1 << change.field)
    }

    /// By position, what the fields hold before or after; `None` where a field is not written, and
    /// if all are absent.
    pub(crate) fn by_position(
        &self,
        value: impl Fn(&Change) -> Option<&str>,
    ) -> Option<Vec<Option<&str>>> {
        let fields = self.0.last()?.field + 1;
        let mut values = vec![None; fields];
        for change in &self.0 {
            values[change.field] = value(change);
        }
        values.iter().any(Option::is_some).then_some(values)
    }
}

impl From<StoredChanges> for Changes {
    fn from(stored: StoredChanges) -> Self {
        let StoredChanges {
            mask,
            before,
            after,
        } = stored;
        let (mut before, mut after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let taken = |values: &mut Vec<Option<String>>, field: usize| {
            values.get_mut(field).and_then(Option::take)
        };
        let written = (0..MAX_FIELDS).filter(|field| mask >> field & 1 == 1);
        Self(
            written
                .map(|field| Change {
                    field,
                    before: taken(&mut before, field),
                    after: taken(&mut after, field),
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kind::Kind;
    use strum::VariantArray;

    fn texts(texts: &[&str]) -> Vec<Option<String>> {
        texts
            .iter()
            .map(|text| (!text.is_empty()).then(|| (*text).to_owned()))
            .collect()
    }

    fn stored(changes: &Changes) -> StoredChanges {
        let owned = |values: Option<Vec<Option<&str>>>| {
            values.map(|values| {
                values
                    .into_iter()
                    .map(|value| value.map(str::to_owned))
                    .collect()
            })
        };
        StoredChanges {
            mask: changes.mask(),
            before: owned(changes.by_position(|change| change.before.as_deref())),
            after: owned(changes.by_position(|change| change.after.as_deref())),
        }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let mut update = Changes::default();
        update.write(4, Some("b"), None);
        update.write(1, None, Some("a"));
        let all = [
            Changes::default(),
            update,
            Changes::of_new(texts(&["anna", "", "Oslo"])),
            Changes::of_gone(&texts(&["anna", ""])),
            Changes::of_gone(&[None, None]),
        ];
        for changes in all {
            let read = Changes::from(stored(&changes));
            assert!(read == changes, "mask {:b}", changes.mask());
            assert!(read.reversed().reversed() == changes);
        }
    }

    #[test]
    fn only_what_is_written_is_held() {
        let mut changes = Changes::of_new(texts(&["", "a", "", "b"]));
        assert_eq!((changes.mask(), changes.iter().count()), (0b1010, 2));
        changes.leave(3);
        changes.write(1, Some("x"), Some("y"));
        let first = changes
            .of(1)
            .map(|change| (change.before.as_deref(), change.after.as_deref()));
        assert_eq!(
            (changes.mask(), first),
            (0b10, Some((Some("x"), Some("y"))))
        );
    }

    #[test]
    fn every_kind_has_room_in_the_mask() {
        for kind in Kind::VARIANTS {
            let spec = kind.spec();
            assert!(
                spec.fields.len() + spec.max_profile_fields <= MAX_FIELDS,
                "{kind}"
            );
        }
    }
}
