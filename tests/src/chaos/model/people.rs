//! What a line about a person would do.

use super::{
    Action, Enrolment, Id, Mode, Plan, State, Write,
    state::{EMAIL, PEOPLE},
    table::{Rules, Table, is_longer, text},
};
use std::collections::{HashMap, HashSet};

/// The most characters of each field.
const MOST: &[usize] = &[100, 100, 100, 255, 255, 255, 120, 2];
/// Without these nobody is created.
const NEEDED: &[usize] = &[0, 1, EMAIL];
/// The first is everybody's who names none.
const ROLES: &[&str] = &["student", "teacher", "editingteacher", "manager"];
/// Those that files name.
const COUNTRIES: &[&str] = &["NO", "DE", "BR", "ES", "DK", "FR", "IE", "NG"];

/// Where in the file what is.
struct Columns {
    username: Option<usize>,
    /// By field.
    details: Vec<Option<usize>>,
    segments: Vec<usize>,
    /// Course and role.
    courses: Vec<(usize, Option<usize>)>,
}

/// What a line says.
struct Said {
    line: u32,
    key: Option<String>,
    details: Vec<Option<String>>,
    /// What is wrong with the details, should they be written.
    detail_codes: Vec<&'static str>,
    segments: Vec<Id>,
    courses: Vec<(Id, &'static str)>,
    codes: Vec<&'static str>,
}

/// A person as the lines so far would leave them.
struct Person {
    id: Id,
    version: Option<u64>,
    fields: Vec<Option<String>>,
    turns: usize,
}

struct Planner<'a> {
    state: &'a mut State,
    rules: &'a Rules,
    columns: Columns,
    /// Who names an address first: the key of that line.
    named: HashMap<String, String>,
    people: HashMap<String, Person>,
    /// What earlier lines would give.
    members: HashSet<(Id, Id)>,
    enrolments: HashSet<(Id, Id)>,
    roles: HashSet<(Id, Id, &'static str)>,
}

pub(super) fn plans(
    state: &mut State,
    rules: &Rules,
    table: &Table,
    wanted: &dyn Fn(u32) -> bool,
) -> Vec<Plan> {
    let columns = Columns::of(rules, table);
    let mut named = HashMap::new();
    // A line of a wrong shape names nobody's address: its cells may be any column's.
    for (line, cells) in table.lines.iter().filter(|(_, cells)| table.fits(cells)) {
        if let Some(email) = text(cells, columns.details[EMAIL]) {
            let key = text(cells, columns.username)
                .map(standard)
                .filter(|key| !key.is_empty());
            if key
                .as_deref()
                .is_some_and(|key| !would_write(state, rules, key))
            {
                continue;
            }
            named
                .entry(email.to_lowercase())
                .or_insert_with(|| key.unwrap_or_else(|| format!("#{line}")));
        }
    }
    let (people, members) = (HashMap::new(), HashSet::new());
    let mut planner = Planner {
        state,
        rules,
        columns,
        named,
        people,
        members,
        enrolments: HashSet::new(),
        roles: HashSet::new(),
    };
    let lines = table.lines.iter().filter(|(line, _)| wanted(*line));
    lines
        .map(|(line, cells)| planner.plan(*line, cells, table.fits(cells)))
        .collect()
}

/// Would a line about this person write details? If not, the address that it names stays free for
/// others.
fn would_write(state: &State, rules: &Rules, key: &str) -> bool {
    let is_there = state.people.find(key).is_some();
    match rules.mode {
        Mode::CreateOnly => !is_there,
        Mode::CreateAndUpdate => rules.overrides || !is_there,
        Mode::UpdateOnly => rules.unknown_is_error || is_there,
    }
}

impl Columns {
    fn of(rules: &Rules, table: &Table) -> Self {
        let companions: HashMap<u32, usize> = table.numbered(rules, "role").into_iter().collect();
        Self {
            username: table.column(rules, "username"),
            details: PEOPLE
                .iter()
                .map(|name| table.column(rules, name))
                .collect(),
            segments: table
                .numbered(rules, "cohort")
                .into_iter()
                .map(|(_, at)| at)
                .collect(),
            courses: table
                .numbered(rules, "course")
                .into_iter()
                .map(|(number, at)| (at, companions.get(&number).copied()))
                .collect(),
        }
    }
}

impl Planner<'_> {
    fn plan(&mut self, line: u32, cells: &[String], fits: bool) -> Plan {
        if !fits {
            return Plan::idle(line, None, Action::Reject, vec!["width"]);
        }
        let mut said = self.read(line, cells);
        let Some(key) = said.key.clone() else {
            return Plan::idle(line, None, Action::Reject, said.codes);
        };
        self.meet(&key);
        match (self.people.contains_key(&key), self.rules.mode) {
            (true, Mode::CreateOnly) => {
                Plan::idle(line, Some(key), Action::Skip, vec!["user-exists"])
            }
            (true, _) => self.update(said, &key),
            (false, Mode::UpdateOnly) => {
                let action = if self.rules.unknown_is_error || !said.codes.is_empty() {
                    Action::Reject
                } else {
                    Action::Skip
                };
                said.codes.push("user-not-found");
                Plan::idle(line, Some(key), action, said.codes)
            }
            (false, _) => self.create(said, &key),
        }
    }

    fn read(&self, line: u32, cells: &[String]) -> Said {
        let mut said = Said {
            line,
            key: None,
            details: vec![None; PEOPLE.len()],
            detail_codes: Vec::new(),
            segments: Vec::new(),
            courses: Vec::new(),
            codes: Vec::new(),
        };
        self.read_key(cells, &mut said);
        for (field, at) in self.columns.details.iter().enumerate() {
            if let Some(text) = text(cells, *at) {
                read_detail(field, text, &mut said);
            }
        }
        for at in &self.columns.segments {
            match text(cells, Some(*at)).map(|key| self.state.segments.find(key)) {
                None => {}
                Some(None) => said.codes.push("segment-not-found"),
                Some(Some(id)) if said.segments.contains(&id) => {}
                Some(Some(id)) => said.segments.push(id),
            }
        }
        for (course, role) in &self.columns.courses {
            self.read_course(text(cells, Some(*course)), text(cells, *role), &mut said);
        }
        said
    }

    fn read_key(&self, cells: &[String], said: &mut Said) {
        let Some(text) = text(cells, self.columns.username) else {
            said.codes.push("missing-value");
            return;
        };
        let key = standard(text);
        if is_longer(text, 100) {
            said.codes.push("too-long");
        }
        if text.to_lowercase().starts_with("example.") {
            said.codes.push("example-line");
        }
        if key.is_empty() || key == "guest" {
            said.codes.push("bad-value");
        }
        said.key = Some(key).filter(|key| !key.is_empty());
    }

    fn read_course(&self, course: Option<&str>, role: Option<&str>, said: &mut Said) {
        let Some(course) = course else {
            if role.is_some() {
                said.codes.push("no-course");
            }
            return;
        };
        let found = self.state.courses.find(course);
        if found.is_none() {
            said.codes.push("course-not-found");
        }
        let role = ROLES.iter().find(|name| **name == role.unwrap_or(ROLES[0]));
        match (found, role) {
            (_, None) => said.codes.push("role-not-found"),
            (Some(course), Some(role)) if !said.courses.contains(&(course, *role)) => {
                said.courses.push((course, *role));
            }
            _ => {}
        }
    }

    fn meet(&mut self, key: &str) {
        if self.people.contains_key(key) {
            return;
        }
        if let Some(id) = self.state.people.find(key) {
            let record = &self.state.people.records[&id];
            self.people.insert(
                key.to_owned(),
                Person {
                    id,
                    version: Some(record.version),
                    fields: record.fields.clone(),
                    turns: 0,
                },
            );
        }
    }

    fn create(&mut self, mut said: Said, key: &str) -> Plan {
        said.codes.append(&mut said.detail_codes);
        if NEEDED.iter().any(|field| said.details[*field].is_none()) {
            said.codes.push("missing-value");
        }
        self.check_address(key, None, &mut said);
        if !said.codes.is_empty() {
            return Plan::idle(said.line, Some(key.to_owned()), Action::Reject, said.codes);
        }
        let id = self.state.fresh();
        let person = Person {
            id,
            version: None,
            fields: said.details.clone(),
            turns: 1,
        };
        self.people.insert(key.to_owned(), person);
        let mut plan = Plan::of(said.line, key, Action::Create, id, 1, None);
        let values = said
            .details
            .iter()
            .enumerate()
            .filter_map(|(field, value)| Some((field, value.clone()?)));
        plan.deed.writes = values
            .map(|(field, after)| Write {
                field,
                before: None,
                after: Some(after),
            })
            .collect();
        self.memberships(id, &said, &mut plan);
        plan
    }

    fn update(&mut self, mut said: Said, key: &str) -> Plan {
        let mut writes = Vec::new();
        if self.rules.overrides {
            said.codes.append(&mut said.detail_codes);
            let person = &self.people[key];
            let (id, fields) = (person.id, &person.fields);
            for (field, value) in said.details.iter().enumerate() {
                if let Some(after) = value
                    .clone()
                    .filter(|after| Some(after) != fields[field].as_ref())
                {
                    writes.push(Write {
                        field,
                        before: fields[field].clone(),
                        after: Some(after),
                    });
                }
            }
            let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
            if said.details[EMAIL].is_some() && lower(&said.details[EMAIL]) != lower(&fields[EMAIL])
            {
                self.check_address(key, Some(id), &mut said);
            }
        }
        if !said.codes.is_empty() {
            return Plan::idle(said.line, Some(key.to_owned()), Action::Reject, said.codes);
        }
        let Some(person) = self.people.get_mut(key) else {
            return Plan::idle(said.line, None, Action::Reject, said.codes);
        };
        for write in &writes {
            person.fields[write.field].clone_from(&write.after);
        }
        person.turns += 1;
        let mut plan = Plan::of(
            said.line,
            key,
            Action::Unchanged,
            person.id,
            person.turns,
            person.version,
        );
        let id = person.id;
        plan.deed.writes = writes;
        self.memberships(id, &said, &mut plan);
        let joins = plan.deed.segments.iter().any(|(_, joins)| *joins);
        if !plan.deed.writes.is_empty()
            || joins
            || plan
                .deed
                .courses
                .iter()
                .any(|course| course.enrols || course.adds_role)
        {
            plan.deed.action = Action::Update;
        }
        plan
    }

    /// An address belongs to whoever has it, and in the file to the first line that names it.
    fn check_address(&self, key: &str, person: Option<Id>, said: &mut Said) {
        // What is no address is nobody's.
        let Some(email) = said.details[EMAIL]
            .as_ref()
            .filter(|text| is_address(text))
            .map(|email| email.to_lowercase())
        else {
            return;
        };
        let is_taken = self
            .state
            .addresses
            .get(&email)
            .is_some_and(|holder| Some(*holder) != person);
        if is_taken || self.named.get(&email).is_some_and(|first| first != key) {
            said.codes.push("duplicate-email");
        }
    }

    fn memberships(&mut self, person: Id, said: &Said, plan: &mut Plan) {
        for &segment in &said.segments {
            let is_there = self.state.members.contains_key(&(person, segment));
            plan.deed
                .segments
                .push((segment, self.members.insert((person, segment)) && !is_there));
        }
        for &(course, role) in &said.courses {
            let is_there = self.state.enrolments.contains_key(&(person, course));
            let has_role = self.state.roles.contains_key(&(person, course, role));
            plan.deed.courses.push(Enrolment {
                is_enrolled: false,
                has_role: false,
                course,
                role,
                enrols: self.enrolments.insert((person, course)) && !is_there,
                adds_role: self.roles.insert((person, course, role)) && !has_role,
                ends: false,
                takes_role: false,
            });
        }
    }
}

fn read_detail(field: usize, text: &str, said: &mut Said) {
    let value = match PEOPLE[field] {
        "email" if !is_address(text) => Err("bad-email"),
        "country" => COUNTRIES
            .iter()
            .find(|code| **code == text.to_uppercase())
            .map(|code| (*code).to_owned())
            .ok_or("bad-value"),
        _ if is_longer(text, MOST[field]) => Err("too-long"),
        "email" => Ok(with_small_domain(text)),
        _ => Ok(text.to_owned()),
    };
    match value {
        Ok(value) => said.details[field] = Some(value),
        Err(code) => {
            said.details[field] = Some(text.to_owned());
            said.detail_codes.push(code);
        }
    }
}

/// Enough for the addresses that files have.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let labels: Vec<_> = domain.split('.').collect();
    !local.is_empty()
        && !text.contains(' ')
        && labels.len() > 1
        && labels.iter().all(|label| !label.is_empty())
}

/// An address as it is stored.
fn with_small_domain(address: &str) -> String {
    address.rsplit_once('@').map_or_else(
        || address.to_owned(),
        |(local, domain)| format!("{local}@{}", domain.to_lowercase()),
    )
}

/// A username as it is stored.
fn standard(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter(|c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_' | '@'))
        .collect()
}
