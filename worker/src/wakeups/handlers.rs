//! The handlers that run at the moment; they outlive the apalis worker that started them, which
//! ends with every failure of Redis.

use muster_shared::queue::Wake;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Runs at most so many handlers at once, over all incarnations of a queue's worker.
#[derive(Debug, Clone)]
pub(super) struct Handlers<H> {
    /// How many run at once.
    pub(super) concurrency: usize,
    handler: H,
    places: Arc<Semaphore>,
    running: TaskTracker,
}

impl<H, F> Handlers<H>
where
    H: Fn(Wake) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    pub(super) fn new(handler: H, concurrency: usize) -> Self {
        let running = TaskTracker::new();
        running.close(); // Needed to wait for its tasks; does not keep new ones out.
        Self {
            concurrency,
            handler,
            places: Arc::new(Semaphore::new(concurrency)),
            running,
        }
    }

    /// Runs the handler for a payload and returns when it is through; goes on even if the caller
    /// does not.
    pub(super) async fn handle(&self, payload: &[u8]) {
        let wake = match serde_json::from_slice::<Wake>(payload) {
            Ok(wake) => wake,
            Err(error) => {
                return tracing::error!(bytes = payload.len(), cause = ?error.classify(), "a wake that cannot be read was dropped");
            }
        };
        let import = wake.import;
        let (places, handled) = (self.places.clone(), (self.handler)(wake));
        let run = self.running.spawn(async move {
            // Refused only when the process stops while handlers of an earlier incarnation are
            // busy; the rescuer enqueues another.
            if let Ok(_place) = places.acquire_owned().await {
                handled.await;
            }
        });
        if let Err(error) = run.await {
            tracing::error!(import.id = %import, %error, "the handler of a wake panicked");
        }
    }

    /// Starts nothing any more and returns when all that runs is through.
    pub(super) async fn finish(&self) {
        self.places.close();
        self.running.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };
    use tokio::time::{sleep, timeout};

    const WAKE: &[u8] = br#"{"import":"01937f2e-0000-7000-8000-000000000001"}"#;

    #[tokio::test]
    async fn garbage_and_panics_end_with_their_wake() {
        let handlers = Handlers::new(|_| async { panic!("on purpose") }, 1);
        for payload in [
            b"\xff\xfe".as_slice(),
            b"",
            b"null",
            b"{\"import\":7}",
            WAKE,
            WAKE,
        ] {
            handlers.handle(payload).await;
        }
    }

    #[tokio::test]
    async fn a_handler_outlives_whoever_waits_for_it() {
        let done = Arc::new(AtomicUsize::new(0));
        let counter = done.clone();
        let work = move |_| {
            let done = counter.clone();
            async move {
                sleep(Duration::from_millis(50)).await;
                done.fetch_add(1, Ordering::SeqCst);
            }
        };
        let handlers = Handlers::new(work, 1);
        assert!(
            timeout(Duration::from_millis(5), handlers.handle(WAKE))
                .await
                .is_err()
        );
        assert!(
            timeout(Duration::from_millis(5), handlers.handle(WAKE))
                .await
                .is_err()
        );
        handlers.finish().await;
        assert_eq!(
            done.load(Ordering::SeqCst),
            1,
            "the first is finished, the second never began"
        );
    }
}
