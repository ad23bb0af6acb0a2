//! What a site of the made-up LMS holds.

use super::{Id, Source};
use std::collections::{BTreeMap, HashMap};

/// Fields of people, in the order in which records have them.
pub(super) const PEOPLE: &[&str] =
    &["firstname", "lastname", "email", "idnumber", "institution", "department", "city", "country"];
/// The position of the address.
pub(super) const EMAIL: usize = 2;
/// Fields of segments.
pub(super) const SEGMENTS: &[&str] = &["name", "description", "visible"];
/// Fields of courses.
pub(super) const COURSES: &[&str] = &["fullname", "idnumber", "category_path", "summary", "visible", "startdate", "enddate"];
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
}

/// A category of courses.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) parent: Option<Id>,
    pub(super) name: String,
    pub(super) source: Source,
}

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
    pub(super) members: BTreeMap<(Id, Id), Source>,
    pub(super) enrolments: BTreeMap<(Id, Id), Source>,
    pub(super) roles: BTreeMap<(Id, Id, &'static str), Source>,
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
        }
    }

    /// Its key; of one that is gone, nothing.
    pub(super) fn key(&self, id: Id) -> &str {
        self.records.get(&id).map_or("", |record| &record.key)
    }
}

impl State {
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

    pub(super) fn child(&self, parent: Option<Id>, name: &str) -> Option<Id> {
        self.categories.iter().find(|(_, node)| node.parent == parent && node.name == name).map(|(id, _)| *id)
    }

    /// The path of a category.
    pub(super) fn path(&self, id: Id) -> String {
        let Some(node) = self.categories.get(&id) else { return String::new() };
        match node.parent {
            Some(parent) => format!("{} / {}", self.path(parent), node.name),
            None => node.name.clone(),
        }
    }
}
