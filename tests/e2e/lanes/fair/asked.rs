//! Requests never wait behind data: they are answered when every lane is busy, and when Redis is
//! away.

use super::{PEOPLE, applying, large, with_one_lane_each, with_people};
use crate::lanes::{
    files::{id, joins},
    hold::Hold,
    ledger::Ledger,
    outcome::statuses,
    sessions::{JOINING, until_waiting},
};
use muster_tests::harness::{Muster, Process};

async fn pause(muster: &Muster, import: &str) {
    let _ = muster
        .post(&format!("/imports/{import}/pause"), None)
        .await
        .expect(202);
}

async fn resume(muster: &Muster, import: &str) {
    let _ = muster
        .post(&format!("/imports/{import}/resume"), None)
        .await
        .expect(202);
}

/// Every lane holds a batch that does not come to its end as long as the hold lasts.
struct Busy {
    muster: Muster,
    hold: Hold,
    /// Imports that apply and have no lane.
    unserved: Vec<String>,
}

impl Busy {
    async fn start() -> Self {
        let muster = with_one_lane_each().start().await;
        let other = muster.site("other").await;
        with_people(&muster, &muster, PEOPLE).await;
        with_people(&muster, &other, 20).await;
        let small = id(&other.ready("add-to-segments", joins(20, "sales")).await);
        let served = id(&muster.ready("add-to-segments", large(PEOPLE)).await);
        let unserved =
            [(); 2].map(async |()| id(&muster.ready("add-to-segments", large(PEOPLE)).await));
        let unserved = futures::future::join_all(unserved).await;
        let hold = Hold::writers(&muster, "lms.segment_members").await;
        other.apply(&small).await;
        muster.apply(&served).await;
        until_waiting(&muster, JOINING, 2).await;
        for import in &unserved {
            muster.apply(import).await;
        }
        Self {
            muster,
            hold,
            unserved,
        }
    }

    /// One is paused and one cancelled, and nothing was done of either.
    async fn answered(&self) {
        let [paused, cancelled] = [&self.unserved[0], &self.unserved[1]];
        pause(&self.muster, paused).await;
        self.muster.cancel(cancelled).await;
        for (import, status) in [(paused, "paused"), (cancelled, "cancelled")] {
            self.muster.wait_for(import, status).await;
            assert_eq!(applying(&self.muster, import, "done").await, 0);
        }
    }
}

#[tokio::test]
async fn who_asks_to_stop_is_answered_though_every_lane_is_busy() {
    let busy = Busy::start().await;
    busy.answered().await;
    let Busy {
        muster,
        hold,
        unserved,
    } = busy;
    hold.release().await;
    resume(&muster, &unserved[0]).await;
    muster.wait_for(&unserved[0], "applied").await;
}

#[tokio::test]
async fn who_asks_to_stop_is_answered_though_redis_is_away() {
    let busy = Busy::start().await;
    busy.muster.with_redis(Process::sigstop);
    busy.answered().await;
    busy.muster.with_redis(Process::sigcont);
    busy.hold.release().await;
    busy.muster.quiet().await;
}

#[tokio::test]
async fn paused_while_two_workers_apply_it_and_resumed() {
    let muster = with_one_lane_each().workers(2).start().await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, &muster, PEOPLE).await;
    let import = id(&muster.ready("add-to-segments", large(PEOPLE)).await);
    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(&muster, JOINING, 2).await;
    pause(&muster, &import).await;
    hold.release().await;
    muster.wait_for(&import, "paused").await;
    let done = applying(&muster, &import, "done").await;
    assert_eq!(
        (done, applying(&muster, &import, "waiting").await),
        (2, 2),
        "what was begun is done, and nothing else"
    );
    resume(&muster, &import).await;
    assert_eq!(
        muster.wait_for(&import, "applied").await["effects"]["segments_joined"],
        PEOPLE
    );
    ledger.assert_done_once(&import).await;
    assert_eq!(
        statuses(&muster, &import).await,
        "validating previewing ready applying pausing paused applying applied"
    );
}
