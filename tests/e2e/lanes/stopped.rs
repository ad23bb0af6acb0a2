//! A worker that is stopped with an import's row in its hands, or as the one who rescues: it holds
//! the others up for a while only.

use super::{
    files::{id, wake},
    hold::Hold,
    sessions::{LOCKING_IMPORT, RESCUING, until_waiting},
};
use muster_tests::harness::{Muster, eventually};

#[tokio::test]
async fn a_worker_that_is_stopped_while_it_claims() {
    let muster = Muster::start().await;
    let import = id(&muster
        .ready("create-segments", "idnumber,name\nmore,More\n")
        .await);
    let hold = Hold::import(&muster, &import).await;
    wake(&muster, &import).await;
    until_waiting(&muster, LOCKING_IMPORT, 1).await;
    muster.worker(0).sigstop();
    hold.release().await;
    muster.start_worker().await;
    let path = format!("/imports/{import}/apply");
    let ask = async || (muster.post(&path, None).await.status == 202).then_some(());
    eventually("the import can be asked", ask).await;
    muster.wait_for(&import, "applied").await;
}

#[tokio::test]
async fn a_worker_that_is_stopped_while_it_rescues() {
    let muster = Muster::with().workers(0).start().await;
    let import = muster
        .upload("create-segments", "idnumber,name\nmore,More\n")
        .await;
    muster.redis_flushall();
    let hold = Hold::readers(&muster, "muster.import_batches").await;
    let stopped = muster.start_worker().await;
    until_waiting(&muster, RESCUING, 1).await;
    stopped.sigstop();
    hold.release().await;
    muster.start_worker().await;
    muster.wait_for(&import, "ready").await;
}
