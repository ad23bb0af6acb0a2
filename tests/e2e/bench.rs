//! The benchmark on a small scale, so that it cannot rot. How fast anything is decides nothing
//! here.

use muster_tests::bench::{Extra, Load, Run, run};

#[tokio::test]
async fn it_measures_everything_and_both_ways_come_to_the_same() {
    let wanted = Run {
        server_url: std::env::var("MUSTER_TEST_DATABASE_URL")
            .expect("`deploy/local.sh test` sets it"),
        loads: vec![Load::W1, Load::W2, Load::W3, Load::W4, Load::W5],
        extras: vec![Extra::Idle, Extra::Beside, Extra::Intake, Extra::Growth],
        lines: 2_000,
        users: 4_000,
        workers: 2,
        rounds: 1,
    };
    let report = run(wanted, |told| eprintln!("{told}"))
        .await
        .expect("equal ends, and nothing refused");
    for load in [Load::W1, Load::W2, Load::W3, Load::W4, Load::W5] {
        let ratios = report.ratios(load);
        assert!(ratios.len() == 1 && ratios[0] > 0.0, "{load:?}: {ratios:?}");
    }
    assert!(
        report.idle.as_ref().is_some_and(|idle| idle.imports > 0),
        "{report:?}"
    );
    assert!(
        report.beside.is_some()
            && report
                .intake
                .as_ref()
                .is_some_and(|intake| intake.bytes >= 2_000_000),
        "{report:?}"
    );
    assert_eq!(report.growth.len(), 7, "{report:?}");
    let table = report.table();
    assert!(
        table.contains("W4") && table.contains("small imports beside W2"),
        "{table}"
    );
}
