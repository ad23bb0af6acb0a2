//! What a site of the made-up LMS holds.

use super::{Deed, Enrolment, Id, Kind, Source};
use std::collections::{BTreeMap, HashMap};

/// Fields of people, in the order in which records have them.
pub(super) const PEOPLE: &[&str] = &[
    "firstname",
    "lastname",
    "email",
    "idnumber",
    "institution",
    "department",
    "city",
    "country",
];
/// The position of the address.
pub(super) const EMAIL: usize = 2;
/// Fields of segments.
pub(super) const SEGMENTS: &[&str] = &["name", "description", "visible"];
/// Fields of courses.
pub(super) const COURSES: &[&str] = &[
    "fullname",
    "idnumber",
    "category_path",
    "summary",
    "visible",
    "startdate",
    "enddate",
];
/// The position of the path.
pub(super) const CATEGORY: usize = 2;

/// A person, a segment or a course.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(super) key: String,
    pub(super) fields: Vec<Option<String>>,
    /// Only courses have one.
    pub(super) category: Option<Id>,
    /// Counts changes of its own fields.
    pub(super) version: u64,
    pub(super) source: Source,
}

/// Records of one kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    pub(super) records: HashMap<Id, Record>,
    by_key: HashMap<String, Id>,
    /// Of what is gone: what comes back goes on from there.
    last_versions: HashMap<Id, u64>,
}

/// A category of courses.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(super) parent: Option<Id>,
    pub(super) name: String,
    pub(super) source: Source,
}

/// Which membership: of a person in something, with a role where it is one.
pub(super) type Place = (char, Id, Id, &'static str);

/// What a site holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    last: Id,
    pub(super) people: Shelf,
    pub(super) segments: Shelf,
    pub(super) courses: Shelf,
    /// Who holds an address, in lower case.
    pub(super) addresses: HashMap<String, Id>,
    pub(super) categories: BTreeMap<Id, Node>,
    /// By whom memberships were given last.
    pub(super) members: BTreeMap<(Id, Id), Source>,
    pub(super) enrolments: BTreeMap<(Id, Id), Source>,
    pub(super) roles: BTreeMap<(Id, Id, &'static str), Source>,
    /// Under whose number memberships stand that an undo of an undo gave back.
    pub(super) first_given_by: BTreeMap<Place, Source>,
}

impl Shelf {
    pub(super) fn find(&self, key: &str) -> Option<Id> {
        self.by_key.get(key).copied()
    }

    pub(super) fn insert(&mut self, id: Id, record: Record) {
        self.by_key.insert(record.key.clone(), id);
        self.records.insert(id, record);
    }

    pub(super) fn remove(&mut self, id: Id) {
        if let Some(record) = self.records.remove(&id) {
            self.by_key.remove(&record.key);
            self.last_versions.insert(id, record.version);
        }
    }

    /// The version that a record had when it went; 0: it was never there.
    pub(super) fn last_version(&self, id: Id) -> u64 {
        self.last_versions.get(&id).copied().unwrap_or(0)
    }

    /// Its key; of one that is gone, nothing.
    pub(super) fn key(&self, id: Id) -> &str {
        self.records.get(&id).map_or("", |record| &record.key)
    }
}

impl State {
    /// The records of a kind.
    pub(super) fn shelf(&self, kind: Kind) -> &Shelf {
        match kind {
            Kind::People => &self.people,
            Kind::Segments => &self.segments,
            Kind::Courses => &self.courses,
        }
    }

    /// The records of a kind, to be changed.
    pub(super) fn shelf_mut(&mut self, kind: Kind) -> &mut Shelf {
        match kind {
            Kind::People => &mut self.people,
            Kind::Segments => &mut self.segments,
            Kind::Courses => &mut self.courses,
        }
    }

    /// Does anything hang on a record that an import did not bring? People have memberships, the
    /// others members.
    pub(super) fn is_used(&self, kind: Kind, id: Id, but_by: Source) -> bool {
        match kind {
            Kind::People => {
                self.members
                    .range((id, 0)..=(id, Id::MAX))
                    .any(|(_, source)| *source != but_by)
                    || self
                        .enrolments
                        .range((id, 0)..=(id, Id::MAX))
                        .any(|(_, source)| *source != but_by)
                    || self
                        .roles
                        .range((id, 0, "")..(id + 1, 0, ""))
                        .any(|(_, source)| *source != but_by)
            }
            Kind::Segments => self.members.keys().any(|(_, segment)| *segment == id),
            Kind::Courses => {
                self.enrolments.keys().any(|(_, course)| *course == id)
                    || self.roles.keys().any(|(_, course, _)| *course == id)
            }
        }
    }

    /// Has somebody a role in a course that an import did not give?
    pub(super) fn has_other_role(&self, person: Id, course: Id, but_by: Source) -> bool {
        self.roles
            .range((person, course, "")..(person, course + 1, ""))
            .any(|(_, source)| *source != but_by)
    }

    /// Are the segments and courses there that a line names? An undo names those in which it would
    /// leave the person.
    pub(super) fn has_what_is_named(&self, deed: &Deed, by_undo: bool) -> bool {
        let is_named = |course: &&Enrolment| {
            !by_undo || course.enrols || course.adds_role || course.is_enrolled || course.has_role
        };
        deed.segments
            .iter()
            .all(|(id, _)| self.segments.records.contains_key(id))
            && deed
                .courses
                .iter()
                .filter(is_named)
                .all(|course| self.courses.records.contains_key(&course.course))
    }

    /// Under whose number a membership stands which that import gave.
    pub(super) fn shown(&self, place: Place, given_by: Source) -> Source {
        self.first_given_by.get(&place).copied().unwrap_or(given_by)
    }

    /// An id that nothing has had.
    pub(super) fn fresh(&mut self) -> Id {
        self.last += 1;
        self.last
    }

    /// The category of a path such as `Science / Physics`.
    pub(super) fn category(&self, path: &str) -> Option<Id> {
        let mut parent = None;
        for name in path.split(" / ") {
            parent = Some(self.child(parent, name)?);
        }
        parent
    }

    /// The deepest category that is there on the way to a path.
    pub(super) fn deepest(&self, path: &str) -> Option<Id> {
        let mut found = None;
        for name in path.split(" / ") {
            match self.child(found, name) {
                Some(id) => found = Some(id),
                None => break,
            }
        }
        found
    }

    pub(super) fn child(&self, parent: Option<Id>, name: &str) -> Option<Id> {
        self.categories
            .iter()
            .find(|(_, node)| node.parent == parent && node.name == name)
            .map(|(id, _)| *id)
    }

    /// The path of a category.
    pub(super) fn path(&self, id: Id) -> String {
        let Some(node) = self.categories.get(&id) else {
            return String::new();
        };
        match node.parent {
            Some(parent) => format!("{} / {}", self.path(parent), node.name),
            None => node.name.clone(),
        }
    }
}
