//! A ledger of all that happened to batches, kept by a trigger in the test's own database: what is
//! committed is in it, exactly once.

use muster_shared::model::batch::{BatchState, may_become};
use muster_tests::harness::Muster;

const LEDGER: &str = "
CREATE TABLE public.ledger (import_no bigint, stage text, number integer, was text, became text, claimed bigint);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.ledger
  SELECT NEW.import_no, NEW.stage, NEW.number, OLD.state, NEW.state, count(*) FROM muster.import_batches b
   WHERE b.import_no = NEW.import_no AND b.stage = NEW.stage AND b.state = 'claimed';
  RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER UPDATE OF state ON muster.import_batches
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION public.note()";

/// The ledger of one Muster.
pub(super) struct Ledger<'a> {
    muster: &'a Muster,
}

impl<'a> Ledger<'a> {
    /// Begins it.
    pub(super) async fn keep(muster: &'a Muster) -> Self {
        sqlx::raw_sql(LEDGER)
            .execute(muster.sql())
            .await
            .expect("the test's own database");
        Self { muster }
    }

    /// Every batch of the import was done, and done once.
    pub(super) async fn assert_done_once(&self, id: &str) {
        let statement = "SELECT format('%s %s is %s, done %s times', b.stage, b.number, b.state, count(l.number))
                           FROM muster.import_batches b
                           LEFT JOIN public.ledger l ON l.became = 'done' AND (l.import_no, l.stage, l.number) = (b.import_no, b.stage, b.number)
                          WHERE b.import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid)
                          GROUP BY b.import_no, b.stage, b.number HAVING count(l.number) <> 1 OR b.state <> 'done'";
        let wrong: Vec<String> = sqlx::query_scalar(statement)
            .bind(id)
            .fetch_all(self.muster.sql())
            .await
            .expect("the ledger");
        assert_eq!(wrong, Vec::<String>::new());
        self.assert_only_arrows().await;
    }

    /// No batch of the import was done twice, whether or not all are done.
    pub(super) async fn assert_none_done_twice(&self, id: &str) {
        let statement = "SELECT format('%s %s', stage, number) FROM public.ledger
                          WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND became = 'done'
                          GROUP BY stage, number HAVING count(*) > 1";
        let twice: Vec<String> = sqlx::query_scalar(statement)
            .bind(id)
            .fetch_all(self.muster.sql())
            .await
            .expect("the ledger");
        assert_eq!(twice, Vec::<String>::new());
        self.assert_only_arrows().await;
    }

    /// Batches moved only as the table of their states says.
    async fn assert_only_arrows(&self) {
        let moves: Vec<(String, String)> =
            sqlx::query_as("SELECT DISTINCT was, became FROM public.ledger")
                .fetch_all(self.muster.sql())
                .await
                .expect("the ledger");
        let state = |word: &str| word.parse::<BatchState>().expect("a state");
        assert!(
            moves
                .iter()
                .all(|(was, became)| may_become(state(was), state(became))),
            "{moves:?}"
        );
    }

    /// The most batches of a stage that were ever claimed at once.
    pub(super) async fn most_claimed(&self, id: &str, stage: &str) -> i64 {
        let statement = "SELECT max(claimed) FROM public.ledger
                          WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND stage = $2 AND became = 'claimed'";
        sqlx::query_scalar(statement)
            .bind(id)
            .bind(stage)
            .fetch_one(self.muster.sql())
            .await
            .expect("the ledger")
    }
}
