//! Hearing a client out. When a request is refused while its client still sends, and the connection
//! is closed at once, the system throws the answer away together with what nobody has read. So the
//! rest is read and forgotten for a while after the answer.

use axum::{
    body::{Body, BodyDataStream, HttpBody},
    extract::Request,
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};

/// How long the rest is listened to. Clients that look for an answer find it well before.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Hears the clients of all requests out.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = heard_out(body, &parts.headers);
    next.run(Request::from_parts(parts, body)).await
}

/// The same body; what is not read of it when it is dropped is read then.
fn heard_out(body: Body, headers: &HeaderMap) -> Body {
    // A client that waits to be told to go on sends nothing unless somebody reads.
    let is_waiting = headers.contains_key(header::EXPECT);
    Body::from_stream(HeardOut {
        rest: Some(body.into_data_stream()),
        is_sending: !is_waiting,
    })
}

struct HeardOut {
    /// Nothing once it has ended.
    rest: Option<BodyDataStream>,
    is_sending: bool,
}

impl Stream for HeardOut {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.is_sending = true;
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let polled = rest.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        polled
    }
}

impl Drop for HeardOut {
    fn drop(&mut self) {
        let rest = self.rest.take().filter(|_| self.is_sending);
        if let (Some(mut rest), Ok(runtime)) = (rest, Handle::try_current()) {
            runtime.spawn(timeout(DRAIN_TIMEOUT, async move {
                while let Some(Ok(_)) = rest.next().await {}
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    /// Reads so many of three pieces and drops the rest; how many were read in the end.
    async fn read_of_three(headers: &HeaderMap, read: usize) -> usize {
        let given = Arc::new(AtomicUsize::new(0));
        let counted = given.clone();
        let pieces = stream::iter(0..3).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, axum::Error>(Bytes::from_static(b"x"))
        });
        let mut body = heard_out(Body::from_stream(pieces), headers).into_data_stream();
        for _ in 0..read {
            body.next().await.unwrap().unwrap();
        }
        drop(body);
        tokio::task::yield_now().await;
        given.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn the_rest_is_read_unless_the_client_waits() {
        let sends = HeaderMap::new();
        let waits = HeaderMap::from_iter([(header::EXPECT, "100-continue".parse().unwrap())]);
        assert_eq!(read_of_three(&sends, 0).await, 3);
        assert_eq!(read_of_three(&waits, 0).await, 0);
        assert_eq!(read_of_three(&waits, 1).await, 3, "it was told to go on");
    }
}
