//! Where Muster differs from Moodle on purpose: what comes out instead, and why.

/// A case that comes out otherwise.
pub(super) struct Differs {
    /// The file.
    pub(super) case: &'static str,
    /// Why it is better so.
    pub(super) because: &'static str,
    /// What changes; new people with a `+`.
    pub(super) users: &'static [(&'static str, &'static str)],
    /// `line code` of every error, or `rejected code` and `refused code` of the whole file.
    pub(super) errors: &'static [&'static str],
}

const ONE_BAD_LINE: &str = "a bad line is an issue of that line and does not end the run";
const UNKNOWN_SEGMENT: &str = "a segment must exist; it is not made silently";
const BAD_EMAIL: &str = "an address that cannot be reached is an error";

pub(super) const DIFFERS: &[Differs] = &[
    Differs {
        case: "abort_mid",
        because: ONE_BAD_LINE,
        users: &[
            (
                "+r1",
                "email=r1@example.com firstname=F lastname=L segments=seg001",
            ),
            (
                "+r3",
                "email=r3@example.com firstname=F lastname=L segments=seg001",
            ),
        ],
        errors: &["3 too-long"],
    },
    Differs {
        case: "abort_mid_cohort",
        because: ONE_BAD_LINE,
        users: &[
            ("exist1", "courses=c001:student segments=seg001"),
            ("exist3", "courses=c001:student segments=seg001"),
        ],
        errors: &["3 segment-not-found"],
    },
    Differs {
        case: "abort_mid_longname",
        because: ONE_BAD_LINE,
        users: &[
            ("+r1", "email=r1@example.com firstname=F lastname=L"),
            ("+r3", "email=r3@example.com firstname=F lastname=L"),
        ],
        errors: &["3 too-long"],
    },
    Differs {
        case: "long_values",
        because: ONE_BAD_LINE,
        users: &[(
            "+lv4",
            "city=X email=lv4@example.com firstname=F lastname=L",
        )],
        errors: &["2 too-long", "3 too-long", "4 too-long"],
    },
    Differs {
        case: "ragged_long",
        because: ONE_BAD_LINE,
        users: &[("+r1", "email=r1@example.com firstname=F lastname=L")],
        errors: &["3 width"],
    },
    Differs {
        case: "ragged_short",
        because: ONE_BAD_LINE,
        users: &[(
            "+r1",
            "email=r1@example.com firstname=F lastname=L segments=seg001",
        )],
        errors: &["3 width"],
    },
    Differs {
        case: "row_single_field",
        because: ONE_BAD_LINE,
        users: &[("exist1", "segments=seg001")],
        errors: &["3 width"],
    },
    Differs {
        case: "missing_name_cols_addupd",
        because: "only the lines that would create need the columns of creation",
        users: &[("exist1", "segments=seg001")],
        errors: &["2 missing-value"],
    },
    Differs {
        case: "header_trailing_comma",
        because: "empty headings at the end, as spreadsheets leave them, are dropped",
        users: &[("exist1", "segments=seg001")],
        errors: &[],
    },
    Differs {
        case: "cohort_name_vs_id",
        because: "a segment is named by its ID number, exactly; digits are text, and nothing is made silently",
        users: &[
            ("exist4", "segments=777"),
            ("exist6", "segments=catseg"),
            ("exist7", "segments=seg003"),
        ],
        errors: &[
            "2 segment-not-found",
            "3 segment-not-found",
            "4 segment-not-found",
            "6 segment-managed",
            "9 segment-not-found",
            "10 segment-not-found",
            "11 segment-not-found",
        ],
    },
    Differs {
        case: "cohort_same_as_new_created_twice",
        because: UNKNOWN_SEGMENT,
        users: &[],
        errors: &["2 segment-not-found", "3 segment-not-found"],
    },
    Differs {
        case: "newline_in_cohort",
        because: UNKNOWN_SEGMENT,
        users: &[("exist1", "segments=seg001")],
        errors: &["4 segment-not-found"],
    },
    Differs {
        case: "unknown_cohort_new",
        because: UNKNOWN_SEGMENT,
        users: &[],
        errors: &["2 segment-not-found", "3 segment-not-found"],
    },
    Differs {
        case: "unknown_cohort_upd",
        because: UNKNOWN_SEGMENT,
        users: &[],
        errors: &["2 segment-not-found", "3 segment-not-found"],
    },
    Differs {
        case: "cp1252_as_utf8",
        because: "the encoding is found; no byte is dropped",
        users: &[("+w1", "email=w1@example.com firstname=Zoë lastname=Müller")],
        errors: &[],
    },
    Differs {
        case: "html_inject",
        because: "text is text, escaped where it is shown",
        users: &[(
            "+h1",
            "email=h1@example.com firstname=<script>alert(1)</script>Bob lastname=L & M",
        )],
        errors: &[],
    },
    Differs {
        case: "invalid_email",
        because: BAD_EMAIL,
        users: &[],
        errors: &["2 bad-email", "3 bad-email", "4 bad-email", "5 bad-email"],
    },
    Differs {
        case: "invalid_email_upd",
        because: BAD_EMAIL,
        users: &[],
        errors: &["2 bad-email"],
    },
    Differs {
        case: "mnethostid",
        because: "MNet is not there; its column is passed over, with a warning",
        users: &[("exist1", "segments=seg001"), ("exist2", "segments=seg001")],
        errors: &[],
    },
    Differs {
        case: "opt_unknown",
        because: "an unknown option is refused: nothing is silently not done",
        users: &[],
        errors: &["refused unknown-setting"],
    },
    Differs {
        case: "upd_blank_overrides",
        because: "an empty cell changes nothing",
        users: &[],
        errors: &[],
    },
];
