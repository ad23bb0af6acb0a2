//! The two last lanes of an import: both are through with their batches before either can settle.

use super::{
    files::{id, joins, wake, with_people},
    hold::Hold,
    ledger::Ledger,
    outcome::statuses,
    sessions::{JOINING, LOCKING_IMPORT, until_waiting, waiting},
};
use muster_tests::harness::{Muster, eventually};

/// People in two batches of apply.
const PEOPLE: usize = 6_000;

async fn batches_done(muster: &Muster, import: &str) -> i64 {
    let statement = "SELECT count(*) FROM muster.import_batches
                      WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND stage = 'apply' AND state = 'done'";
    sqlx::query_scalar(statement)
        .bind(import)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}

fn lanes_that_left(muster: &Muster) -> usize {
    (0..2)
        .map(|nth| muster.worker(nth).log().matches("the lane leaves").count())
        .sum()
}

/// An import that both lanes settle, as soon as they may.
struct Settling {
    import: String,
    lanes: Hold,
    /// Without this the rescuer would settle what the lanes had failed to.
    rescuers: Hold,
}

/// Brings both lanes of an import to where they settle it; `None`: one of them waited too long on
/// the way there.
async fn both_settle(muster: &Muster, segment: &str) -> Option<Settling> {
    let import = id(&muster
        .ready("add-to-segments", joins(PEOPLE, segment))
        .await);
    let joining = Hold::writers(muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(muster, JOINING, 2).await;
    let rescuers = Hold::rescuers(muster).await;
    let left = lanes_that_left(muster);
    let lanes = Hold::import(muster, &import).await;
    joining.release().await;
    let both = eventually(
        "both lanes have committed their batches and settle",
        async || {
            let both = batches_done(muster, &import).await == 2
                && waiting(muster, LOCKING_IMPORT).await >= 2;
            if both {
                Some(true)
            } else {
                (lanes_that_left(muster) > left).then_some(false)
            }
        },
    );
    if both.await {
        Some(Settling {
            import,
            lanes,
            rescuers,
        })
    } else {
        None
    }
}

#[tokio::test]
async fn both_settle_at_once_and_one_of_them_moves_the_import() {
    let muster = Muster::with()
        .workers(2)
        .setting("MUSTER_EXPRESS_LANES", "2")
        .start()
        .await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, PEOPLE as i32).await;
    let mut brought = None;
    for segment in ["sales", "hr", "legal", "it", "law"] {
        brought = both_settle(&muster, segment).await;
        if brought.is_some() {
            break;
        }
    }
    let Settling {
        import,
        lanes,
        rescuers,
    } = brought.expect("a machine on which a transaction takes less than 2 s");
    lanes.release().await;
    let applied = muster.wait_for(&import, "applied").await;
    assert_eq!(applied["effects"]["segments_joined"], PEOPLE);
    ledger.assert_done_once(&import).await;
    rescuers.release().await;
    wake(&muster, &import).await;
    muster
        .ready("create-segments", "idnumber,name\nmore,More\n")
        .await;
    assert_eq!(
        statuses(&muster, &import).await,
        "validating previewing ready applying applied"
    );
}
