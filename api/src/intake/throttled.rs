//! The body of a form, handed on no faster than it is used: the parser takes whatever is ready into
//! memory before it hands anything on, and looks for the end of a part's headers however long they
//! are.

use axum::body::{Body, Bytes};
use futures::{Stream, StreamExt, stream};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

/// Bytes after which the parser gets nothing until it has looked at what it has.
const AT_ONCE: usize = 256 << 10;

/// How many more bytes the parser may take.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    /// From now on so many, and what it may have ahead.
    pub(super) fn set(&self, bytes: u64) {
        self.0
            .store(bytes.saturating_add(AT_ONCE as u64), Ordering::Relaxed);
    }

    /// From now on any number.
    pub(super) fn lift(&self) {
        self.set(u64::MAX);
    }

    /// Was more asked for than is allowed?
    pub(super) fn is_used_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Takes so many off; `false`: there are not so many left.
    fn take(&self, bytes: usize) -> bool {
        let left = self.0.load(Ordering::Relaxed).saturating_sub(bytes as u64);
        self.0.store(left, Ordering::Relaxed);
        left > 0
    }
}

/// The same body with pauses, and the reins on it.
pub(super) fn throttled(body: Body, allowed: u64) -> (Body, Allowance) {
    let allowance = Allowance(Arc::default());
    allowance.set(allowed);
    (
        Body::from_stream(pauses(body.into_data_stream(), allowance.clone())),
        allowance,
    )
}

fn pauses<E: Into<axum::BoxError>>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    allowance: Allowance,
) -> impl Stream<Item = Result<Bytes, axum::BoxError>> {
    let mut taken = 0;
    stream::poll_fn(move |context| {
        if taken >= AT_ONCE {
            taken = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = body
            .poll_next_unpin(context)
            .map(|next| next.map(|piece| piece.map_err(Into::into)));
        match &polled {
            Poll::Ready(Some(Ok(piece))) if !allowance.take(piece.len()) => {
                return Poll::Ready(Some(Err(io::Error::other("more than is allowed").into())));
            }
            Poll::Ready(Some(Ok(piece))) => taken += piece.len(),
            _ => taken = 0,
        }
        polled
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::task::noop_waker_ref;
    use std::task::Context;

    fn endless() -> Body {
        Body::from_stream(stream::repeat_with(|| {
            Ok::<_, io::Error>(Bytes::from(vec![b'x'; 64 << 10]))
        }))
    }

    #[test]
    fn what_is_always_ready_pauses() {
        let (body, allowance) = throttled(endless(), 0);
        allowance.lift();
        let (mut body, mut context) = (
            body.into_data_stream(),
            Context::from_waker(noop_waker_ref()),
        );
        for _ in 0..3 {
            for _ in 0..4 {
                assert!(matches!(
                    body.poll_next_unpin(&mut context),
                    Poll::Ready(Some(Ok(_)))
                ));
            }
            assert!(body.poll_next_unpin(&mut context).is_pending());
        }
    }

    #[tokio::test]
    async fn no_more_comes_than_is_allowed() {
        let (body, allowance) = throttled(endless(), 1 << 20);
        let pieces = body
            .into_data_stream()
            .take_while(|piece| std::future::ready(piece.is_ok()))
            .count()
            .await;
        assert_eq!(
            (pieces, allowance.is_used_up()),
            (19, true),
            "1 MiB, and what may be ahead"
        );
    }
}
