//! HTTP for gix: its threads wait on channels, and the runtime's tasks do the work, so that a thread never waits for the
//! site once the import is stopped.

use std::io::{self, BufRead, Cursor, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use gix::error::ResultExt;
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::client::{Call, Client, broken};
use super::failure::Failure;
use super::meter::Meter;

/// How many frames of a body wait for the thread that reads it.
const FRAMES: usize = 16;

/// What carries requests for gix, and remembers why one failed: gix's errors only tell that one did.
#[derive(Clone, Debug)]
pub(super) struct Carrier {
    client: Arc<Client>,
    meter: Arc<Meter>,
    runtime: Handle,
    failure: Arc<Mutex<Option<Failure>>>,
    /// Where the repository is, if not where it was looked for.
    moved_to: Arc<Mutex<Option<String>>>,
}

impl Carrier {
    /// Carries requests by the runtime that this is called in.
    pub(super) fn new(client: Arc<Client>, meter: Arc<Meter>) -> Self {
        Self {
            client,
            meter,
            runtime: Handle::current(),
            failure: Arc::default(),
            moved_to: Arc::default(),
        }
    }

    /// Why a request failed, once.
    pub(super) fn take_failure(&self) -> Option<Failure> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    fn fail(&self, failure: Failure) {
        let mut first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(failure);
    }

    fn moved_to(&self) -> Option<String> {
        let moved = self.moved_to.lock().unwrap_or_else(PoisonError::into_inner);
        moved.clone()
    }

    fn move_to(&self, base: Option<String>) {
        *self.moved_to.lock().unwrap_or_else(PoisonError::into_inner) = base;
    }

    fn call(
        &self,
        method: Method,
        url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Call {
        let headers = headers.into_iter().filter_map(|line| {
            let (name, value) = line.as_ref().split_once(':')?;
            let name: HeaderName = name.trim().parse().ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        Call {
            at_home: method == Method::GET || self.moved_to().is_none(),
            method,
            url: url.to_owned(),
            headers: headers.collect(),
            body: Bytes::new(),
        }
    }

    /// Has a task send a request and pass on what is answered. It ends when the import is stopped or nobody reads on.
    fn spawn(
        &self,
        respond: impl Future<Output = Result<Response<Incoming>, Failure>> + Send + 'static,
    ) -> (Head, Body) {
        let (head_sender, head) = oneshot::channel();
        let mut head_sender = Some(head_sender);
        let (frame_sender, frames) = mpsc::channel(FRAMES);
        let carrier = self.clone();
        self.runtime.spawn(async move {
            // The channels stay open until the failure is noted, which the thread then looks for.
            let work = carrier.pass_on(respond, &mut head_sender, &frame_sender);
            tokio::select! {
                // What is answered after the stop is of no use to anybody.
                biased;
                () = carrier.meter.stopped() => {}
                result = work => if let Err(failure) = result {
                    carrier.fail(failure);
                }
            }
        });
        let current = Bytes::new();
        (
            Head::Awaited(Some(head)),
            Body {
                current,
                frames,
                ended: false,
            },
        )
    }

    async fn pass_on(
        &self,
        respond: impl Future<Output = Result<Response<Incoming>, Failure>>,
        head: &mut Option<oneshot::Sender<HeaderMap>>,
        frames: &mpsc::Sender<Option<Bytes>>,
    ) -> Result<(), Failure> {
        let (parts, mut body) = respond.await?.into_parts();
        // The receivers go when the thread needs no more, which is no failure.
        if let Some(head) = head.take() {
            let _ = head.send(parts.headers);
        }
        loop {
            let frame = timeout(self.client.idle_timeout, body.frame()).await;
            let frame = frame.map_err(|_| Failure::passing("the site stopped sending"))?;
            let Some(frame) = frame else {
                let _ = frames.send(None).await;
                return Ok(());
            };
            let frame = frame.map_err(|error| broken(&error))?;
            if let Ok(data) = frame.into_data() {
                self.meter.receive(data.len());
                if frames.send(Some(data)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

impl Http for Carrier {
    type Headers = Head;
    type ResponseBody = Body;
    type PostBody = PostBody;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Head, Body>> {
        let call = self.call(Method::GET, url, headers);
        let tail = url.strip_prefix(base_url).unwrap_or_default().to_owned();
        let carrier = self.clone();
        let (mut head, body) = self.spawn(async move {
            let asked = call.url.clone();
            let (response, answered) = carrier.client.discover(call, &tail).await?;
            let base = answered.strip_suffix(&tail).filter(|_| answered != asked);
            carrier.move_to(base.map(str::to_owned));
            Ok(response)
        });
        // The effective URL must be known when this returns.
        head.await_lines().or_error()?;
        Ok(GetResponse {
            headers: head,
            body,
        })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _body: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Head, Body, PostBody>> {
        let mut call = self.call(Method::POST, url, headers);
        let (sender, written) = oneshot::channel();
        let client = Arc::clone(&self.client);
        let (headers, body) = self.spawn(async move {
            let written = written.await;
            let unwritten = |_| Failure::lasting("the request was given up");
            call.body = Bytes::from(written.map_err(unwritten)?);
            client.send(&call).await
        });
        let post_body = PostBody {
            written: Vec::new(),
            sender: Some(sender),
        };
        Ok(PostResponse {
            post_body,
            headers,
            body,
        })
    }

    fn configure(&mut self, _config: &dyn std::any::Any) -> gix::Result {
        // What gix would configure comes from git's configuration, of which there is none.
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.moved_to()
    }
}

/// What a thread that waited is told when there is nothing to wait for any more.
fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the exchange has ended")
}

/// A request's body, sent when it is dropped.
#[derive(Debug)]
pub(super) struct PostBody {
    written: Vec<u8>,
    sender: Option<oneshot::Sender<Vec<u8>>>,
}

impl Write for PostBody {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for PostBody {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            let _ = sender.send(std::mem::take(&mut self.written));
        }
    }
}

/// An answer's headers, line by line.
#[derive(Debug)]
pub(super) enum Head {
    Awaited(Option<oneshot::Receiver<HeaderMap>>),
    Lines(Cursor<Vec<u8>>),
}

impl Head {
    fn await_lines(&mut self) -> io::Result<&mut Cursor<Vec<u8>>> {
        if let Head::Awaited(head) = self {
            let head = head.take().ok_or_else(gone)?;
            let headers = head.blocking_recv().map_err(|_| gone())?;
            let mut lines = Vec::new();
            for (name, value) in &headers {
                lines.extend_from_slice(name.as_str().as_bytes());
                lines.extend_from_slice(b": ");
                lines.extend_from_slice(value.as_bytes());
                lines.push(b'\n');
            }
            *self = Head::Lines(Cursor::new(lines));
        }
        match self {
            Head::Lines(lines) => Ok(lines),
            Head::Awaited(_) => Err(gone()),
        }
    }
}

impl Read for Head {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.await_lines()?.read(buf)
    }
}

impl BufRead for Head {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.await_lines()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Head::Lines(lines) = self {
            lines.consume(amount);
        }
    }
}

/// An answer's body. It ends only if the site has ended it; else it fails.
#[derive(Debug)]
pub(super) struct Body {
    current: Bytes,
    frames: mpsc::Receiver<Option<Bytes>>,
    ended: bool,
}

impl Read for Body {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buf.len());
        buf[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.ended {
            match self.frames.blocking_recv() {
                Some(Some(data)) => self.current = data,
                Some(None) => self.ended = true,
                None => return Err(gone()),
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        let _ = self.current.split_to(amount);
    }
}
