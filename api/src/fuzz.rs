//! What must hold at the door, whatever a client sends. The targets in `tests/fuzz` call it with
//! what a fuzzer makes, the tests below with what was wrong once.

#![allow(clippy::missing_panics_doc, reason = "a panic is what is looked for")]

use crate::{
    intake::{
        upload::inspector::Inspector,
        upload_params::{FIELDS, UploadParams},
    },
    problem::Problem,
    request::{
        body::Body,
        if_match::IfMatch,
        query::{Given, Parameters},
    },
    v1::{
        imports,
        paging::Page,
        report::csv::Report,
        rows::{self, Line},
        users,
    },
};
use axum::{
    body,
    extract::{FromRequest, FromRequestParts},
    http::{Request, header, request::Parts},
    response::IntoResponse,
};
use futures::executor::block_on;
use muster_shared::model::{
    action::{Action, Outcome},
    ids::ImportId,
    kind::Kind,
    reading::Delimiter,
    recipe::Recipe,
    settings::Settings,
    site::Limits,
};
use serde::{Serialize, de::DeserializeOwned};
use strum::VariantArray;
use tokio::runtime::{Builder, Runtime};

/// The longest input that is looked at byte by byte too.
const BYTEWISE: usize = 1 << 12;

const ENCODINGS: [Option<&str>; 4] = [None, Some("UTF-8"), Some("UTF-16LE"), Some("Shift_JIS")];

/// An upload is taken for the same, or refused for the same reason, in whatever pieces it comes.
/// The last byte says which encoding the client gives.
pub fn upload(input: &[u8]) {
    let Some((&choice, file)) = input.split_last() else {
        return;
    };
    let whole = inspected(choice, file, file.len());
    for piece in [1, 3, 7, 1_024, 4_099]
        .into_iter()
        .filter(|&piece| piece < file.len() && (piece > 7 || file.len() <= BYTEWISE))
    {
        assert_eq!(
            inspected(choice, file, piece),
            whole,
            "in pieces of {piece}"
        );
    }
}

fn inspected(choice: u8, file: &[u8], piece: usize) -> String {
    let encoding = ENCODINGS[choice as usize % ENCODINGS.len()].map(str::to_owned);
    let settings = Settings {
        encoding,
        ..Settings::defaults(Recipe::Custom, Kind::VARIANTS[0])
    };
    let limits = Limits {
        expanded_bytes: 1 << 20,
        ..Limits::default()
    };
    let mut inspector = Inspector::new(&limits, &settings, None);
    for piece in file.chunks(piece.max(1)) {
        if let Err(error) = block_on(inspector.look(piece)) {
            return format!("{error:?}");
        }
    }
    format!("{:?}", inspector.finish())
}

/// Parameters of every list are taken or refused, and the address of the next page asks for what
/// was asked.
pub fn parameters(query: &str) {
    page::<rows::Filters, i32>(query);
    page::<imports::list::Filters, ImportId>(query);
    page::<users::list::Filters, users::list::Cursor>(query);
    page::<(), users::history::Cursor>(query);
    page::<(), String>(query);
}

fn page<F: Parameters, K: DeserializeOwned + Serialize>(query: &str) {
    let page: Page<F, K> =
        match parts(query).map(|mut parts| block_on(Page::from_request_parts(&mut parts, &()))) {
            Some(Ok(page)) => page,
            Some(Err(problem)) => return check(problem),
            None => return,
        };
    let Some(after) = &page.after else { return };
    let answer = page.answer("things", &[0; 0], Some(after));
    let link = answer
        .headers()
        .get(header::LINK)
        .and_then(|link| link.to_str().ok())
        .expect("there is a next page");
    let address = link
        .strip_prefix("</?")
        .and_then(|rest| rest.strip_suffix(">; rel=\"next\""))
        .expect("an address");
    let next: Page<F, K> = block_on(Page::from_request_parts(
        &mut parts(address).expect("an address"),
        &(),
    ))
    .expect("ours");
    let key = |page: &Page<F, K>| serde_json::to_string(&page.after).expect("it came as JSON");
    assert_eq!((key(&next), next.limit), (key(&page), page.limit));
}

fn parts(query: &str) -> Option<Parts> {
    let request = Request::get(format!("/?{query}")).body(()).ok()?;
    Some(request.into_parts().0)
}

/// A JSON body, what is wanted of a file, and versions are taken or refused.
pub fn bodies(input: &[u8]) {
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body::Body::from(input.to_vec()));
    let runtime: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    taken(runtime.block_on(Body::from_request(request.expect("a request"), &())));
    let text = String::from_utf8_lossy(input);
    for recipe in ["create-users", "custom", &text] {
        let fields = [
            ("recipe", recipe),
            ("kind", "users"),
            ("settings", &text),
            ("mapping", &text),
        ];
        let given = Given::new(
            FIELDS,
            fields.map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        taken(UploadParams::read(given, Some(&text), Some(&text), None));
    }
    if let Ok(request) = Request::get("/").header(header::IF_MATCH, input).body(()) {
        taken(block_on(IfMatch::from_request_parts(
            &mut request.into_parts().0,
            &(),
        )));
    }
}

fn taken<T>(read: Result<T, Problem>) {
    if let Err(problem) = read {
        check(problem);
    }
}

/// Whatever is wrong is the client's doing, and told.
fn check(problem: Problem) {
    let told = format!("{problem:?}");
    assert!(problem.into_response().status().is_client_error(), "{told}");
}

/// A report on lines with these cells.
#[must_use]
pub fn report(delimiter: Delimiter, columns: &[String], lines: &[Vec<String>]) -> Vec<u8> {
    let report = Report::new(delimiter, columns);
    let line = |(i, cells): (usize, &Vec<String>)| Line {
        number: i as i32 + 2,
        key: None,
        cells: cells.clone(),
        action: Some(Action::Reject),
        outcome: Some(Outcome::Rejected),
        issues: Vec::new(),
    };
    let lines: Vec<_> = lines.iter().enumerate().map(line).collect();
    [report.header(), report.lines(&lines)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn what_was_wrong_once_is_taken_for_the_same_in_all_pieces() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&b"username;city\nanna;Bern\n".repeat(60_000))
            .expect("in memory");
        let gzip = gzip.finish().expect("in memory");
        let cut = &gzip[..gzip.len() / 2];
        for file in [
            &b"username;city\nanna;Z\xFCrich\n"[..],
            b"\xFF\xFEu\0s\0",
            b"\x1F",
            b"%PDF-1.7\n",
            b"",
            &gzip,
            cut,
        ] {
            for choice in 0..ENCODINGS.len() as u8 {
                upload(&[file, &[choice]].concat());
            }
        }
    }

    #[test]
    fn every_request_has_an_answer() {
        for query in [
            "",
            "cursor=37",
            "cursor=5b22222c305d&limit=200",
            "limit=0&limit=x&%00=%00",
            "action=create,,%FF&key=%F0%9F",
        ] {
            parameters(query);
        }
        for body in [
            "",
            "{}",
            "{\"mode\":\"create\"}",
            "[",
            "{\"x\":\"username\",\"X\":\"ignore\"}",
            "\"1\", *",
            "custom",
        ] {
            bodies(body.as_bytes());
        }
    }
}
