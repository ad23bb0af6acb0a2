//! Cells → what a line says about a person. Never fails: what is wrong becomes an issue.

use super::{directory::Directory, email::Email, field};
use crate::{
    header::Header,
    kinds::cells::{Cell, Cells, check_example, check_odd_space, missing},
    staging::rows::StagedRow,
};
use muster_shared::{
    model::{
        issue::{Code, Issue},
        kinds::users::standard_username,
        text::cut,
    },
    plan::MembershipKey,
};

/// Columns of plain details, with their positions in a plan's fields.
const DETAILS: &[(&str, usize)] = &[
    ("firstname", field::FIRSTNAME),
    ("lastname", field::LASTNAME),
    ("email", field::EMAIL),
    ("idnumber", field::IDNUMBER),
    ("institution", field::INSTITUTION),
    ("department", field::DEPARTMENT),
    ("city", field::CITY),
    ("country", field::COUNTRY),
];

/// The role of whoever is enrolled without one being named.
const DEFAULT_ROLE: &str = "student";

/// Where in the file which column is.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) username: Option<usize>,
    pub(super) email: Option<usize>,
    /// Position in the file, position in a plan's fields.
    details: Vec<(usize, usize)>,
    pub(super) segments: Vec<usize>,
    /// Position of the course and, if there is one, of its role.
    pub(super) courses: Vec<(usize, Option<usize>)>,
}

impl Columns {
    /// Memberships that a line names at most: a course is an enrolment and a role.
    pub(super) fn memberships(&self) -> u64 {
        (self.segments.len() + 2 * self.courses.len()) as u64
    }

    pub(super) fn of(header: &Header) -> Self {
        let roles = header.numbered("role");
        Self {
            username: header.position("username"),
            email: header.position("email"),
            details: DETAILS
                .iter()
                .filter_map(|(name, field)| Some((header.position(name)?, *field)))
                .collect(),
            segments: header.numbered("cohort").into_values().collect(),
            courses: header
                .numbered("course")
                .into_iter()
                .map(|(number, at)| (at, roles.get(&number).copied()))
                .collect(),
        }
    }
}

/// What a line says about a person. Not `Debug`: cells must not be printed.
pub(super) struct Row<'a> {
    pub(super) line: i32,
    /// The username; `None`: the line cannot be used.
    pub(super) key: Option<String>,
    /// Filled cells, by position in a plan's fields; empty where the shape is wrong.
    pub(super) details: Vec<Option<String>>,
    /// The headings of the filled cells, at the same positions.
    pub(super) headings: Vec<&'a str>,
    /// What the person is to belong to, each once: segments, then courses, each followed by the
    /// roles in it.
    pub(super) memberships: Vec<MembershipKey>,
    /// What is wrong whoever the line is about: the line can do nothing.
    pub(super) issues: Vec<Issue>,
    /// What is wrong with the details, should they be written.
    pub(super) detail_issues: Vec<Issue>,
    /// An earlier line, about somebody else, names the same e-mail address.
    pub(super) email_named_on: Option<i32>,
    /// As they stand in the file.
    pub(super) key_heading: &'a str,
    pub(super) key_text: &'a str,
}

/// Reads a line.
pub(super) fn read<'a>(
    staged: &StagedRow,
    cells: &Cells<'a>,
    columns: &Columns,
    directory: &mut Directory,
) -> Row<'a> {
    let mut row = Row {
        line: staged.line,
        key: staged.key.clone(),
        details: vec![None; field::COUNT],
        headings: vec![""; field::COUNT],
        memberships: Vec::new(),
        issues: staged.issues.clone(),
        detail_issues: Vec::new(),
        email_named_on: staged
            .duplicates
            .iter()
            .find(|(claim, _)| *claim == super::EMAIL_CLAIM)
            .map(|(_, line)| *line),
        key_heading: "",
        key_text: "",
    };
    if !row.issues.is_empty() {
        row.key = None;
        return row;
    }
    read_key(&mut row, cells, columns);
    for &(position, field) in &columns.details {
        if let Some(cell) = cells.at(position) {
            read_detail(&mut row, &cell, field);
        }
    }
    for &position in &columns.segments {
        if let Some(cell) = cells.at(position) {
            read_segment(&mut row, &cell, directory);
        }
    }
    for &(course, role) in &columns.courses {
        if let Some(cell) = cells.at(course) {
            read_course(
                &mut row,
                &cell,
                role.and_then(|role| cells.at(role)),
                directory,
            );
        }
    }
    row
}

fn read_key<'a>(row: &mut Row<'a>, cells: &Cells<'a>, columns: &Columns) {
    let Some(cell) = columns.username.and_then(|position| cells.at(position)) else {
        return;
    };
    (row.key_heading, row.key_text) = (cell.heading, cell.text);
    if cell.text.is_empty() {
        row.issues.push(missing(cell.heading));
        return;
    }
    let before = row.issues.len();
    cell.check_length(&mut row.issues);
    let is_too_long = row.issues.len() > before;
    check_example(&cell, &mut row.issues);
    check_odd_space(&cell, &mut row.issues);
    let standard = standard_username(cell.text);
    if standard.is_empty() {
        let message =
            "A username has letters a-z, digits, and . - _ @; none of them is left of this one.";
        row.issues
            .push(cell.issue(Issue::error(Code::BadValue, message)));
    } else if standard == "guest" {
        row.issues.push(cell.issue(Issue::error(
            Code::BadValue,
            "`guest` is nobody's username.",
        )));
    } else if !is_too_long && standard != cell.text.to_lowercase() {
        let given = cut(cell.text, Issue::VALUE_CHARS);
        let message =
            format!("Characters that a username cannot have are left out: {given} → {standard}");
        row.issues
            .push(cell.issue(Issue::warning(Code::UsernameChanged, message)));
    }
    row.details[field::USERNAME] = Some(standard);
}

fn read_detail<'a>(row: &mut Row<'a>, cell: &Cell<'a>, field: usize) {
    let Some(text) = cell.filled() else { return };
    let before = row.detail_issues.len();
    let mut value = text.to_owned();
    match field {
        field::EMAIL => match Email::read(text) {
            Some(email) => {
                value = email.address;
                row.details[field::EMAIL_KEY] = Some(email.key);
            }
            None => row.detail_issues.push(cell.issue(Issue::error(
                Code::BadEmail,
                "This is no e-mail address such as anna@example.com.",
            ))),
        },
        field::COUNTRY => {
            if let Some(country) = rust_iso3166::from_alpha2(&text.to_uppercase()) {
                country.alpha2.clone_into(&mut value);
            } else {
                let message = "This is no country code of ISO 3166-1 with two letters, such as NO.";
                row.detail_issues
                    .push(cell.issue(Issue::error(Code::BadValue, message)));
            }
        }
        _ => {}
    }
    if row.detail_issues.len() == before {
        cell.check_length(&mut row.detail_issues);
    }
    row.details[field] = Some(value);
    row.headings[field] = cell.heading;
}

fn read_segment(row: &mut Row<'_>, cell: &Cell<'_>, directory: &mut Directory) {
    let Some(text) = cell.filled() else { return };
    match directory.segment(text) {
        Some(segment) if segment.is_managed => {
            let message =
                "The members of this segment are chosen by a rule; nobody can be added by a file.";
            row.issues
                .push(cell.issue(Issue::error(Code::SegmentManaged, message)));
        }
        Some(segment) => name(&mut row.memberships, MembershipKey::segment(segment.id)),
        None => {
            let issue = Issue::error(
                Code::SegmentNotFound,
                "There is no segment with this ID number.",
            );
            row.issues
                .push(cell.issue(issue).suggest(directory.like_segment(text)));
        }
    }
}

fn read_course(
    row: &mut Row<'_>,
    cell: &Cell<'_>,
    role: Option<Cell<'_>>,
    directory: &mut Directory,
) {
    let role_text = role.and_then(|role| role.filled());
    let Some(text) = cell.filled() else {
        if let Some(role) = role.filter(|_| role_text.is_some()) {
            let message = format!(
                "`{}` says a role, and `{}` is empty.",
                role.heading, cell.heading
            );
            row.issues
                .push(role.issue(Issue::error(Code::NoCourse, message)));
        }
        return;
    };
    let course = directory.course(text);
    if course.is_none() {
        let issue = Issue::error(
            Code::CourseNotFound,
            "There is no course with this short name.",
        );
        row.issues
            .push(cell.issue(issue).suggest(directory.like_course(text)));
    }
    let role_id = directory.role(role_text.unwrap_or(DEFAULT_ROLE));
    if let (None, Some(role)) = (role_id, role) {
        let (roles, suggestion) = directory.like_role(role.text);
        let issue = Issue::error(
            Code::RoleNotFound,
            format!("There is no such role; there are {roles}."),
        );
        row.issues.push(role.issue(issue).suggest(suggestion));
    }
    if let Some((course, role)) = course.zip(role_id) {
        name(&mut row.memberships, MembershipKey::enrolment(course));
        name(
            &mut row.memberships,
            MembershipKey::course_role(course, role),
        );
    }
}

/// Names a membership, unless the line does already; behind others in the same thing, if it hangs
/// on one of them.
fn name(memberships: &mut Vec<MembershipKey>, key: MembershipKey) {
    if memberships.contains(&key) {
        return;
    }
    let base = key.base();
    let beside = memberships
        .iter()
        .rposition(|other| base.is_some() && (Some(*other) == base || other.base() == base));
    memberships.insert(beside.map_or(memberships.len(), |beside| beside + 1), key);
}
