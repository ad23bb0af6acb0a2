//! Small imports have lanes of their own: they do not wait for large ones.

use super::{PEOPLE, applying, large, with_one_lane_each, with_people};
use crate::lanes::{
    files::id,
    hold::Hold,
    sessions::{JOINING, until_waiting},
};
use serde_json::Value;

#[tokio::test]
async fn a_small_import_is_through_while_a_large_one_of_another_site_is_not() {
    let muster = with_one_lane_each().start().await;
    let other = muster.site("other").await;
    with_people(&muster, &muster, PEOPLE).await;
    let import = id(&muster.ready("add-to-segments", large(PEOPLE)).await);
    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(&muster, JOINING, 1).await;

    let fifty = (1..=50).fold("idnumber,name\n".to_owned(), |text, number| {
        text + &format!("s{number},Segment {number}\n")
    });
    let applied = other.applied("create-segments", fifty).await;
    assert_eq!(applied["effects"]["segments_created"], 50);
    assert_eq!(
        (
            applying(&muster, &import, "done").await,
            &muster.import(&import).await["status"]
        ),
        (0, &"applying".into())
    );

    hold.release().await;
    muster.wait_for(&import, "applied").await;
}

#[tokio::test]
async fn an_import_says_since_when_it_waits_for_a_lane() {
    let muster = with_one_lane_each().workers(0).start().await;
    with_people(&muster, &muster, 20).await;
    let import = muster
        .upload("add-to-segments", "username,cohort1\nu00001,sales\n")
        .await;
    let waiting = muster.import(&import).await;
    assert_eq!(waiting["waiting_since"], waiting["created_at"]);
    let hold = Hold::readers(&muster, "lms.users").await;
    let worker = muster.start_worker().await;
    until_waiting(&muster, "%lms.users%", 1).await;
    worker.sigstop();
    assert_eq!(
        muster.import(&import).await["waiting_since"],
        Value::Null,
        "a lane has it"
    );
    hold.release().await;
    worker.sigcont();
    assert_eq!(
        muster.wait_for(&import, "ready").await["waiting_since"],
        Value::Null,
        "it waits for the admin"
    );
}
