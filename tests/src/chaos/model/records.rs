//! What a line about a segment or a course would do.

use super::{
    Action, Category, Id, Kind, Mode, Plan, State, Write,
    state::{CATEGORY, COURSES, SEGMENTS},
    table::{Rules, Table, is_longer, text},
};
use std::collections::HashMap;

/// What differs between the two.
struct Spec {
    key: &'static str,
    fields: &'static [&'static str],
    /// The most characters of each.
    max: &'static [usize],
    /// What a new one has when the line says nothing.
    defaults: &'static [(usize, &'static str)],
    exists: &'static str,
    not_found: &'static str,
}

const OF_SEGMENTS: Spec = Spec {
    key: "idnumber",
    fields: SEGMENTS,
    max: &[254, 65_536, 255],
    defaults: &[(1, ""), (2, "true")],
    exists: "segment-exists",
    not_found: "segment-not-found",
};
const OF_COURSES: Spec = Spec {
    key: "shortname",
    fields: COURSES,
    max: &[254, 100, 2_000, 65_536, 255, 255, 255],
    defaults: &[(1, ""), (CATEGORY, "General"), (3, ""), (4, "true")],
    exists: "course-exists",
    not_found: "course-not-found",
};
const START: usize = 5;
const END: usize = 6;

/// A record as the lines so far would leave it.
struct Known {
    id: Id,
    version: Option<u64>,
    fields: Vec<Option<String>>,
    turns: usize,
}

struct Planner<'a> {
    state: &'a mut State,
    rules: &'a Rules,
    spec: &'static Spec,
    known: HashMap<String, Known>,
}

pub(super) fn plans(
    state: &mut State,
    rules: &Rules,
    table: &Table,
    wanted: &dyn Fn(u32) -> bool,
) -> Vec<Plan> {
    let spec = if rules.kind == Kind::Segments {
        &OF_SEGMENTS
    } else {
        &OF_COURSES
    };
    let key = table.column(rules, spec.key);
    let columns: Vec<_> = spec
        .fields
        .iter()
        .map(|name| table.column(rules, name))
        .collect();
    let mut planner = Planner {
        state,
        rules,
        spec,
        known: HashMap::new(),
    };
    let mut plans = Vec::new();
    for (line, cells) in table.lines.iter().filter(|(line, _)| wanted(*line)) {
        if table.fits(cells) {
            let said: Vec<_> = columns
                .iter()
                .map(|at| text(cells, *at).map(str::to_owned))
                .collect();
            plans.push(planner.plan(*line, text(cells, key), said));
        } else {
            plans.push(Plan::idle(*line, None, Action::Reject, vec!["width"]));
        }
    }
    plans
}

impl Planner<'_> {
    fn plan(&mut self, line: u32, key: Option<&str>, mut said: Vec<Option<String>>) -> Plan {
        let mut codes = Vec::new();
        if let Some(key) = key {
            self.meet(key);
            if is_longer(key, 100) {
                codes.push("too-long");
            }
            if key.to_lowercase().starts_with("example.") {
                codes.push("example-line");
            }
        }
        self.read(&mut said, &mut codes);
        if key.is_none() && codes.is_empty() {
            codes.push("missing-value");
        }
        let known = key.and_then(|key| self.known.get(key));
        if self.rules.kind == Kind::Courses && ends_first(&said, known) {
            codes.push("bad-value");
        }
        let Some(key) = key.filter(|_| codes.is_empty()) else {
            return Plan::idle(line, key.map(str::to_owned), Action::Reject, codes);
        };
        let idle = |action, code| Plan::idle(line, Some(key.to_owned()), action, vec![code]);
        match (known, self.rules.mode) {
            (Some(known), Mode::CreateOnly) if known.version.is_none() => {
                idle(Action::Reject, "name-used-twice")
            }
            (Some(_), Mode::CreateOnly) => idle(Action::Skip, self.spec.exists),
            (Some(_), _) => self.update(line, key, said),
            (None, Mode::UpdateOnly) if self.rules.unknown_is_error => {
                idle(Action::Reject, self.spec.not_found)
            }
            (None, Mode::UpdateOnly) => idle(Action::Skip, self.spec.not_found),
            (None, _) if said[0].is_none() => idle(Action::Reject, "missing-value"),
            (None, _) => self.create(line, key, said),
        }
    }

    fn read(&self, said: &mut [Option<String>], codes: &mut Vec<&'static str>) {
        for (field, value) in said.iter_mut().enumerate() {
            let Some(text) = value.clone() else { continue };
            let read = match self.spec.fields[field] {
                _ if is_longer(&text, self.spec.max[field]) => Err("too-long"),
                "visible" => yes_or_no(&text).map(|yes| yes.to_string()),
                "startdate" | "enddate" => is_date(&text).then_some(text).ok_or("bad-value"),
                "category_path" => path(&text),
                _ => Ok(text),
            };
            match read {
                Ok(read) => *value = Some(read),
                Err(code) => {
                    *value = None;
                    codes.push(code);
                }
            }
        }
    }

    fn meet(&mut self, key: &str) {
        let records = self.state.shelf(self.rules.kind);
        if let Some(id) = records.find(key).filter(|_| !self.known.contains_key(key)) {
            let record = &records.records[&id];
            let mut fields = record.fields.clone();
            if let Some(category) = record.category {
                fields[CATEGORY] = Some(self.state.path(category));
            }
            self.known.insert(
                key.to_owned(),
                Known {
                    id,
                    version: Some(record.version),
                    fields,
                    turns: 0,
                },
            );
        }
    }

    fn create(&mut self, line: u32, key: &str, mut said: Vec<Option<String>>) -> Plan {
        for (field, value) in self.spec.defaults {
            said[*field].get_or_insert_with(|| (*value).to_owned());
        }
        let id = self.state.fresh();
        let mut plan = Plan::of(line, key, Action::Create, id, 1, None);
        let values = said
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
        self.put_category(&mut plan);
        self.known.insert(
            key.to_owned(),
            Known {
                id,
                version: None,
                fields: said,
                turns: 1,
            },
        );
        plan
    }

    fn update(&mut self, line: u32, key: &str, said: Vec<Option<String>>) -> Plan {
        let mut writes = Vec::new();
        let Some(known) = self.known.get_mut(key) else {
            return Plan::idle(line, None, Action::Reject, Vec::new());
        };
        for (field, value) in said.into_iter().enumerate() {
            if let Some(after) = value.filter(|after| Some(after) != known.fields[field].as_ref()) {
                writes.push(Write {
                    field,
                    before: known.fields[field].clone(),
                    after: Some(after.clone()),
                });
                known.fields[field] = Some(after);
            }
        }
        known.turns += 1;
        let action = if writes.is_empty() {
            Action::Unchanged
        } else {
            Action::Update
        };
        let mut plan = Plan::of(line, key, action, known.id, known.turns, known.version);
        plan.deed.writes = writes;
        self.put_category(&mut plan);
        plan
    }

    fn put_category(&self, plan: &mut Plan) {
        let write = plan
            .deed
            .writes
            .iter()
            .find(|write| self.rules.kind == Kind::Courses && write.field == CATEGORY);
        let Some(path) = write.and_then(|write| write.after.clone()) else {
            return;
        };
        if let Some(id) = self.state.category(&path) {
            plan.deed.category = Some(Category::There(id));
        } else {
            plan.under = self.state.deepest(&path);
            plan.deed.category = Some(Category::Made(path));
        }
    }
}

fn ends_first(said: &[Option<String>], known: Option<&Known>) -> bool {
    let date = |field: usize| {
        said[field]
            .as_ref()
            .or_else(|| known.and_then(|known| known.fields[field].as_ref()))
    };
    // Dates compare like their texts.
    (said[START].is_some() || said[END].is_some())
        && date(START)
            .zip(date(END))
            .is_some_and(|(start, end)| end < start)
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" => Ok(true),
        "0" | "no" | "false" => Ok(false),
        _ => Err("bad-value"),
    }
}

/// Enough for the dates that files have.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.chars().enumerate().all(|(at, c)| {
            if at == 4 || at == 7 {
                c == '-'
            } else {
                c.is_ascii_digit()
            }
        })
}

fn path(text: &str) -> Result<String, &'static str> {
    let names: Vec<&str> = text.split(" / ").map(str::trim).collect();
    if names.iter().any(|name| name.is_empty()) {
        Err("bad-value")
    } else {
        Ok(names.join(" / "))
    }
}
