//! Headers, and what is told of them.

use super::{Expect, Meaning, understand, understand::MAX_TOLD};
use muster_shared::model::{issue::FileIssue, kind::Kind, recipe::Recipe, site::Limits};

/// Understands a header: its columns and warnings, or its faults, as text.
fn understood(recipe: Recipe, header: &str, mapping: &[(&str, &str)]) -> String {
    let kind = recipe.spec().kind.unwrap_or(Kind::Users);
    let headings: Vec<_> = header.split(',').map(str::to_owned).collect();
    let mapping = mapping
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    let limits = Limits {
        numbered_columns: 2,
        ..Limits::default()
    };
    let told = |issues: Vec<FileIssue>| {
        issues
            .into_iter()
            .map(|i| {
                format!(
                    "{} {} {}",
                    i.issue.code,
                    i.issue.column.unwrap_or_default(),
                    i.issue.suggestion.unwrap_or_default()
                )
            })
            .map(|text| text.trim().to_owned())
            .collect::<Vec<_>>()
            .join("; ")
    };
    match understand(
        &headings,
        1,
        Expect {
            recipe,
            kind,
            mapping: &mapping,
            limits: &limits,
        },
    ) {
        Ok((header, warnings)) => {
            let name = |m: &Option<Meaning>| {
                m.map_or("-".to_owned(), |m| {
                    format!(
                        "{}{}",
                        m.spec.name,
                        m.number.map(|n| n.to_string()).unwrap_or_default()
                    )
                })
            };
            let columns: Vec<_> = header.meanings.iter().map(name).collect();
            format!("{} ({})", columns.join(" "), told(warnings))
        }
        Err(faults) => format!("! {}", told(faults)),
    }
}

#[test]
fn headers_are_understood_or_all_their_faults_are_told() {
    use Recipe::{AddToSegments, CreateSegments, CreateUsers, Custom, EnrolInCourses};
    let cases: &[(Recipe, &str, &str)] = &[
        (AddToSegments, "username,cohort1", "username cohort1 ()"),
        (
            AddToSegments,
            " UserName , Segment7,,",
            "username cohort7 ()",
        ),
        (
            AddToSegments,
            "username,cohort0,cohort12",
            "username cohort0 cohort12 ()",
        ),
        (
            AddToSegments,
            "username,cohort1,city,theme",
            "username cohort1 - - (ignored-column city; ignored-column theme)",
        ),
        (
            AddToSegments,
            "username,cohort",
            "! unknown-column cohort cohort1; missing-column cohort1",
        ),
        (
            AddToSegments,
            "emial,cohort1",
            "! unknown-column emial; missing-column username",
        ),
        (Custom, "username,emial", "! unknown-column emial email"),
        (
            AddToSegments,
            "username,cohort1,segment1",
            "! repeated-column segment1",
        ),
        (
            AddToSegments,
            "username,cohort01,cohort1",
            "! repeated-column cohort1",
        ),
        (AddToSegments, "username,,cohort1", "! unknown-column"),
        (
            AddToSegments,
            "username,cohort1,cohort2,cohort3",
            "! limit cohort",
        ),
        (
            AddToSegments,
            "username,cohort1,password,sysrole1",
            "! column-not-allowed password; column-not-allowed sysrole1",
        ),
        (
            EnrolInCourses,
            "username,course1,role2",
            "! missing-column role2",
        ),
        (
            EnrolInCourses,
            "username,course1,role1",
            "username course1 role1 ()",
        ),
        (
            CreateUsers,
            "username",
            "! missing-column firstname; missing-column lastname; missing-column email",
        ),
        (CreateSegments, "idnumber,name", "idnumber name ()"),
        (
            Custom,
            "username,_line,_action,_outcome,_issues",
            "username - - - - ()",
        ),
        (Custom, "username,_action", "! unknown-column _action"),
        (Custom, "", "! missing-column username"),
    ];
    for (recipe, header, expected) in cases {
        assert_eq!(understood(*recipe, header, &[]), *expected, "{header}");
    }
}

#[test]
fn of_a_header_that_is_none_only_so_much_is_told() {
    let told = |columns: usize| {
        understood(
            Recipe::AddToSegments,
            &vec!["anna@example.com"; columns].join(","),
            &[],
        )
    };
    let told_of_each = told(98);
    assert_eq!(
        told_of_each
            .matches("unknown-column anna@example.com")
            .count(),
        98
    );
    assert!(
        told_of_each.ends_with("; missing-column username; missing-column cohort1"),
        "{told_of_each}"
    );
    let told_of_some = told(300);
    assert_eq!(
        told_of_some
            .matches("unknown-column anna@example.com")
            .count(),
        98
    );
    assert!(
        told_of_some.ends_with("; missing-column username; missing-column cohort1; unknown-column"),
        "{told_of_some}"
    );
    assert_eq!(
        told(501),
        "! limit",
        "what each of so many means nobody need know"
    );
    let understood_long = |long: &str| understood(Recipe::Custom, &format!("username,{long}"), &[]);
    assert_eq!(
        understood_long(&"é".repeat(255)),
        format!("! unknown-column {}", "é".repeat(255))
    );
    assert_eq!(
        understood_long(&"é".repeat(256)),
        format!("! too-long {}", "é".repeat(200))
    );
    let number = format!("cohorx{}", "1".repeat(1 << 20));
    assert_eq!(
        understood_long(&number),
        format!("! too-long {}", &number[..200]),
        "in no time"
    );
}

#[test]
fn what_only_the_whole_header_shows_is_cut_too() {
    let told = |columns: u32| {
        let header: Vec<_> = std::iter::once("username".to_owned())
            .chain((0..columns).map(|n| format!("role{n}")))
            .collect();
        understood(Recipe::Custom, &header.join(","), &[])
    };
    assert_eq!(told(499).split("; ").count(), MAX_TOLD + 1);
    assert!(
        told(499).ends_with("; unknown-column"),
        "it says how many more there are"
    );
    let ignored = vec!["theme"; 400].join(",");
    let warned = understood(Recipe::Custom, &format!("username,{ignored}"), &[]);
    assert_eq!(warned.matches("ignored-column").count(), MAX_TOLD + 1);
}

#[test]
fn headings_of_a_report_are_read_as_they_were_before_it_guarded_them() {
    let mapping = [("=x", "cohort1"), ("'a", "ignore")];
    assert_eq!(
        understood(Recipe::AddToSegments, "username,=x,'a", &mapping),
        "username cohort1 - ()"
    );
    assert_eq!(
        understood(Recipe::AddToSegments, "username,'=x,''a,_line", &mapping),
        "username cohort1 - - ()"
    );
    assert_eq!(
        understood(Recipe::AddToSegments, "username,'=x,cohort1", &[]),
        "! unknown-column '=x",
        "no report"
    );
}

#[test]
fn a_number_that_is_too_large_does_not_suggest_itself() {
    assert_eq!(
        understood(Recipe::Custom, "username,cohort4294967296", &[]),
        "! unknown-column cohort4294967296 cohort1"
    );
    assert_eq!(
        understood(Recipe::Custom, "username,cohort4294967295", &[]),
        "username cohort4294967295 ()"
    );
}

#[test]
fn a_mapping_comes_first() {
    let mapping = [("Department", "cohort1"), ("HR code", "ignore")];
    assert_eq!(
        understood(
            Recipe::AddToSegments,
            "username,department,hr code",
            &mapping
        ),
        "username cohort1 - ()"
    );
    assert_eq!(
        understood(Recipe::AddToSegments, "username,department,x", &mapping),
        "! unknown-column x"
    );
}
