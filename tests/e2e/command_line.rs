//! The command line against a real Muster: what it prints, and what it ends with.

use muster_shared::model::access::Role;
use muster_tests::harness::{Muster, gzip};
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Notify,
};

const PEOPLE: &str = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\nbo,Bo,Birch,bo@example.com\n";

/// Someone at a terminal, with a folder of files.
struct Shell {
    url: String,
    token: String,
    folder: TempDir,
}

impl Shell {
    fn of(muster: &Muster) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self {
            url: muster.client().base().to_owned(),
            token: muster.token(Role::Admin),
            folder,
        }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// Exit code, standard output, standard error.
    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster-local"));
        command
            .args(arguments)
            .env("MUSTER_URL", &self.url)
            .env("MUSTER_TOKEN", &self.token);
        let output = command
            .output()
            .await
            .expect("cargo built it for this test");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (
            output.status.code().expect("it was not killed"),
            text(output.stdout),
            text(output.stderr),
        )
    }

    async fn import(
        &self,
        name: &str,
        bytes: impl AsRef<[u8]>,
        rest: &[&str],
    ) -> (i32, String, String) {
        let path = self.file(name, bytes);
        let arguments: Vec<_> = ["import", path.to_str().expect("UTF-8"), "--site", "acme"]
            .into_iter()
            .chain(rest.iter().copied())
            .collect();
        self.run(&arguments).await
    }
}

#[track_caller]
fn assert_told(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_clean_file_ends_with_0() {
    let muster = Muster::start().await;
    let shell = Shell::of(&muster);
    let (code, out, err) = shell
        .import("staff.csv", PEOPLE, &["--recipe", "create-users"])
        .await;
    assert_eq!(code, 0, "{out}{err}");
    assert_told(
        &out,
        &[
            "staff.csv · 2 rows · UTF-8",
            "2  create",
            "2  people created",
            "Nothing is wrong",
            "If-Match: \"",
            "/apply",
        ],
    );
    assert_eq!(muster.lms().await, "", "nobody asked to apply it");
    let (code, out, err) = shell
        .import(
            "staff.csv.gz",
            gzip(PEOPLE.as_bytes()),
            &["--recipe", "create-users", "--apply"],
        )
        .await;
    assert_eq!(code, 0, "{out}{err}");
    assert_told(&out, &["2  created", "What happened\n  2  people created"]);
    assert_eq!(muster.lms().await.lines().count(), 2);
    let (code, out, _) = shell
        .import(
            "staff.csv",
            PEOPLE,
            &["--recipe", "create-users", "--apply"],
        )
        .await;
    assert_eq!(code, 0, "who exists is skipped, as was asked\n{out}");
    assert_told(&out, &["2  were skipped", "nothing", "user-exists"]);
}

/// Stands before a Muster, and tells when somebody asks to apply; that request goes on when the
/// second is notified.
async fn doorkeeper(muster: &Muster) -> (String, Arc<Notify>, Arc<Notify>) {
    let (asked, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let door = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", door.local_addr().expect("an address"));
    let behind = muster
        .client()
        .base()
        .trim_start_matches("http://")
        .to_owned();
    let (told, waits) = (asked.clone(), goes_on.clone());
    tokio::spawn(async move {
        while let Ok((client, _)) = door.accept().await {
            let muster = TcpStream::connect(&behind).await.expect("the api is up");
            let ((mut from_client, mut to_client), (mut from_muster, mut to_muster)) =
                (client.into_split(), muster.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from_muster, &mut to_client).await });
            let (told, waits) = (told.clone(), waits.clone());
            tokio::spawn(async move {
                let mut piece = vec![0; 1 << 16];
                while let Ok(bytes @ 1..) = from_client.read(&mut piece).await {
                    if String::from_utf8_lossy(&piece[..bytes]).contains("/apply HTTP/1.1") {
                        told.notify_one();
                        waits.notified().await;
                    }
                    to_muster
                        .write_all(&piece[..bytes])
                        .await
                        .expect("the api is up");
                }
            });
        }
    });
    (url, asked, goes_on)
}

#[tokio::test]
async fn what_is_previewed_again_meanwhile_is_not_applied() {
    let muster = Muster::start().await;
    let (url, asked, goes_on) = doorkeeper(&muster).await;
    let shell = Shell {
        url,
        ..Shell::of(&muster)
    };
    let change = async {
        asked.notified().await;
        let imports = muster.list("/imports", "imports").await;
        let id = imports[0]["id"].as_str().expect("an id");
        muster.preview(id, &serde_json::json!({})).await;
        muster.wait_for(id, "ready").await;
        goes_on.notify_one();
    };
    let ((code, out, err), ()) = tokio::join!(
        shell.import(
            "staff.csv",
            PEOPLE,
            &["--recipe", "create-users", "--apply"]
        ),
        change
    );
    assert_eq!(code, 3, "{out}{err}");
    assert_told(&out, &["2  people created"]);
    assert_told(
        &err,
        &[
            "Somebody has changed the import",
            "nothing was applied",
            "curl",
        ],
    );
    assert_eq!(muster.lms().await, "");
}

#[tokio::test]
async fn lines_that_come_to_nothing_end_with_1() {
    let muster = Muster::start().await;
    let shell = Shell::of(&muster);
    muster.applied("create-users", PEOPLE).await;
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    let file = "username,cohort1\nanna,sales\nbo,sal-es\n";
    let (code, out, _) = shell
        .import("a.csv", file, &["--recipe", "add-to-segments", "--apply"])
        .await;
    assert_eq!(code, 1, "{out}");
    assert_told(
        &out,
        &[
            "error    segment-not-found  1 ×  line 3, cohort1 = \"sal-es\"",
            "Did you mean \"sales\"?",
            "1  were wrong",
            "1  updated",
        ],
    );
    let custom = [
        "--recipe",
        "custom",
        "--kind",
        "users",
        "--settings",
        r#"{"mode":"update-only"}"#,
    ];
    let (code, out, _) = shell
        .import("b.csv", "username,cohort1\nnobody,sales\n", &custom)
        .await;
    assert_eq!(code, 1, "not found is skipped, and still told\n{out}");
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    let muster = Muster::with().workers(0).start().await;
    let shell = Shell::of(&muster);
    for (arguments, words) in [
        (
            vec!["--recipe", "create-user"],
            vec!["recipe", "Did you mean create-users?"],
        ),
        (
            vec![
                "--recipe",
                "custom",
                "--kind",
                "users",
                "--settings",
                r#"{"moed":"x"}"#,
            ],
            vec!["settings/moed", "Did you mean mode?"],
        ),
        (vec![], vec!["--recipe"]),
        (vec!["--recipe", "create-users", "--aply"], vec!["--apply"]),
    ] {
        let (code, _, err) = shell.import("a.csv", PEOPLE, &arguments).await;
        assert_eq!(code, 2, "{err}");
        assert_told(&err, &words);
    }
    let (code, _, err) = shell
        .run(&["import", "nowhere.csv", "--recipe", "create-users"])
        .await;
    assert_eq!(code, 2, "{err}");
    assert_told(&err, &["nowhere.csv"]);
    let path = shell.file("a.csv", PEOPLE);
    let (code, _, err) = shell
        .run(&[
            "import",
            path.to_str().expect("UTF-8"),
            "--recipe",
            "create-users",
            "--site",
            "nowhere",
        ])
        .await;
    assert_eq!(code, 2, "{err}");
    let stranger = Shell {
        token: "nonsense".to_owned(),
        ..shell
    };
    assert_eq!(
        stranger
            .import("a.csv", PEOPLE, &["--recipe", "create-users"])
            .await
            .0,
        2
    );
}

#[tokio::test]
async fn a_file_that_is_refused_or_rejected_ends_with_3() {
    let muster = Muster::start().await;
    let shell = Shell::of(&muster);
    let (code, out, err) = shell
        .import(
            "a.csv",
            "username,firstname,lastname,emial\na,b,c,d\n",
            &["--recipe", "create-users"],
        )
        .await;
    assert_eq!(code, 3, "{out}{err}");
    assert_told(
        &err,
        &[
            "unknown-column",
            "Did you mean \"email\"?",
            "missing-column",
        ],
    );
    let large = [b"%PDF-1.7\n".as_slice(), &PEOPLE.as_bytes().repeat(200_000)].concat();
    let (code, _, err) = shell
        .import("large.pdf", &large, &["--recipe", "create-users"])
        .await;
    assert_eq!(code, 3, "{err}");
    assert_told(&err, &["PDF", "CSV"]);
    let change = serde_json::json!({"settings": {"limits": {"file_bytes": 1000}}});
    let request = muster
        .system_admin()
        .request(reqwest::Method::PATCH, &muster.path(""))
        .json(&change);
    let _ = muster
        .system_admin()
        .send(request)
        .await
        .expect("the api is up")
        .expect(200);
    let (code, _, err) = shell
        .import("large.csv", &large, &["--recipe", "create-users"])
        .await;
    assert_eq!(code, 3, "{err}");
    assert_told(&err, &["file_bytes"]);
    let nobody = Shell {
        url: "http://127.0.0.1:1".to_owned(),
        ..shell
    };
    let (code, _, err) = nobody
        .import("a.csv", PEOPLE, &["--recipe", "create-users"])
        .await;
    assert_eq!(code, 3, "{err}");
    assert_told(&err, &["Is it up?", "deploy/local.sh up"]);
}

#[tokio::test]
async fn the_demo_checks_its_counts_and_can_be_repeated() {
    let muster = Muster::with().workers(2).start().await;
    let shell = Shell::of(&muster);
    let demo = ["demo", "--site", "acme", "--people", "2500"];
    let (code, out, err) = shell.run(&demo).await;
    assert_eq!(code, 0, "{out}{err}");
    assert_told(
        &out,
        &[
            "windows-1252",
            "2 500  people created",
            "40  segments created",
            "60  courses created",
            "user-not-found",
            "/report.csv",
        ],
    );
    let (code, out, err) = shell.run(&demo).await;
    assert_eq!(code, 0, "{out}{err}");
    assert_told(&out, &["2 500  are skipped"]);
}
