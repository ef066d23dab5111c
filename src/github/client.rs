//! Connections to the site, and to nothing else.
//!
//! There are no proxies, no cookies and no redirects but those that [`Client::discover`] allows. The site's name is resolved
//! once an import, so that a redirect leads to the very addresses of the first request, whatever the name server answers
//! later.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::Error as TlsError;
use tokio_rustls::rustls::pki_types::ServerName;

use super::base_url::BaseUrl;
use super::failure::Failure;

/// How many redirects the first request follows: a repository may have been renamed more than once.
const REDIRECTS: usize = 3;

type Sender = SendRequest<Full<Bytes>>;

/// The client of one import.
pub(super) struct Client {
    pub(super) base: BaseUrl,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    tls: Option<TlsConnector>,
    addresses: OnceCell<Vec<SocketAddr>>,
    /// The connection of the last request, which the next one takes over.
    kept: Mutex<Option<Sender>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A request of git's protocol.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    /// Whether it goes to where the import began, and may carry the credential.
    pub(super) at_home: bool,
}

impl Client {
    pub(super) fn new(
        base: BaseUrl,
        tls: Option<TlsConnector>,
        authorization: Option<HeaderValue>,
        connect_timeout: Duration,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            base,
            authorization,
            connect_timeout,
            idle_timeout,
            tls,
            addresses: OnceCell::new(),
            kept: Mutex::default(),
        }
    }

    /// Sends the first request, of which redirects within the site are followed, without the credential. Answers where it
    /// was answered, too.
    pub(super) async fn discover(
        &self,
        mut call: Call,
        tail: &str,
    ) -> Result<(Response<Incoming>, String), Failure> {
        for _ in 0..=REDIRECTS {
            let response = self.exchange(&call).await?;
            if !response.status().is_redirection() {
                self.judge(response.status(), call.at_home)?;
                return Ok((response, call.url));
            }
            call.url = self.follow(&response, tail)?;
            call.at_home = false;
        }
        Err(Failure::lasting("it redirects without end"))
    }

    /// Sends a request that is answered or fails.
    pub(super) async fn send(&self, call: &Call) -> Result<Response<Incoming>, Failure> {
        let response = self.exchange(call).await?;
        if response.status().is_redirection() {
            return Err(Failure::lasting(
                "it redirects in the middle of an exchange",
            ));
        }
        self.judge(response.status(), call.at_home)?;
        Ok(response)
    }

    /// Where a redirect leads, if that is the same request at the same site.
    fn follow(&self, response: &Response<Incoming>, tail: &str) -> Result<String, Failure> {
        let location = response.headers().get(LOCATION);
        let target = location.and_then(|location| location.to_str().ok());
        let target = target.ok_or_else(|| Failure::lasting("it redirects to nowhere"))?;
        let target = if target.starts_with('/') && !target.starts_with("//") {
            format!("{}{target}", self.base.root())
        } else {
            target.to_owned()
        };
        let uri: Option<Uri> = target.parse().ok();
        if !uri.is_some_and(|uri| self.base.is_origin_of(&uri)) {
            return Err(Failure::lasting("it redirects to another site"));
        }
        if !target.ends_with(tail) {
            return Err(Failure::lasting("it redirects to something else"));
        }
        Ok(target)
    }

    fn judge(&self, status: StatusCode, at_home: bool) -> Result<(), Failure> {
        if status == StatusCode::OK {
            return Ok(());
        }
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Failure::Unauthorized(match (&self.authorization, at_home) {
                    (Some(_), true) => "the credential is refused",
                    (Some(_), false) => "it is renamed, and a credential follows no redirect",
                    (None, _) if self.base.is_secure() => {
                        "it needs a credential, or does not exist"
                    }
                    (None, _) => "it needs a credential, and none is sent without TLS",
                })
            }
            StatusCode::NOT_FOUND
            | StatusCode::GONE
            | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Failure::NotFound,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Failure::passing(format!("the site answers {status}"))
            }
            _ if status.is_server_error() => Failure::passing(format!("the site answers {status}")),
            _ => Failure::lasting(format!("the site answers {status}")),
        })
    }

    async fn exchange(&self, call: &Call) -> Result<Response<Incoming>, Failure> {
        // The lock is let go of before the request, which takes it again.
        let kept = self.kept.lock().await.take();
        if let Some(mut kept) = kept
            && timeout(self.idle_timeout, kept.ready()).await.is_ok_and(|ready| ready.is_ok())
            // A site may close a connection while nothing is under way on it. Then nothing was answered, and the request
            // goes by another one.
            && let Ok(response) = self.exchange_by(kept, call).await
        {
            return Ok(response);
        }
        let fresh = timeout(self.connect_timeout, self.connect()).await;
        let fresh = fresh.map_err(|_| Failure::passing("the site can't be reached in time"))??;
        self.exchange_by(fresh, call).await
    }

    async fn exchange_by(
        &self,
        mut sender: Sender,
        call: &Call,
    ) -> Result<Response<Incoming>, Failure> {
        let response = timeout(self.idle_timeout, sender.send_request(self.request(call)?)).await;
        let response =
            response.map_err(|_| Failure::passing("the site does not answer in time"))?;
        let response = response.map_err(|error| broken(&error))?;
        *self.kept.lock().await = Some(sender);
        Ok(response)
    }

    fn request(&self, call: &Call) -> Result<Request<Full<Bytes>>, Failure> {
        let malformed = |_| Failure::lasting("a request can't be made");
        let uri: Uri = call
            .url
            .parse()
            .map_err(|_| Failure::lasting("a URL can't be made"))?;
        let target = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(target)
            .header(HOST, self.base.authority());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(authorization) = &self.authorization
            && call.at_home
            && self.base.is_secure()
            && self.base.is_origin_of(&uri)
        {
            request = request.header(AUTHORIZATION, authorization);
        }
        request
            .body(Full::new(call.body.clone()))
            .map_err(malformed)
    }

    async fn connect(&self) -> Result<Sender, Failure> {
        let stream = self.connect_tcp().await?;
        let Some(tls) = &self.tls else {
            return greet(stream).await;
        };
        let name = ServerName::try_from(self.base.host().to_owned());
        let name = name.map_err(|_| Failure::lasting("the site's name can't be certified"))?;
        let stream = tls.connect(name, stream).await.map_err(|error| {
            // A certificate that is refused is refused again; a connection that breaks may stand the next time.
            let refused = error.get_ref().is_some_and(|cause| cause.is::<TlsError>());
            match refused {
                true => Failure::lasting(format!("TLS: {error}")),
                false => Failure::passing(format!("TLS: {}", error.kind())),
            }
        })?;
        greet(stream).await
    }

    async fn connect_tcp(&self) -> Result<TcpStream, Failure> {
        let resolved = self.addresses.get_or_try_init(async || {
            let found = lookup_host((self.base.host(), self.base.port())).await?;
            std::io::Result::Ok(found.collect::<Vec<_>>())
        });
        let addresses = resolved
            .await
            .map_err(|_| Failure::passing("the site's name can't be resolved"))?;
        let stream = TcpStream::connect(&addresses[..]).await;
        let stream = stream.map_err(|error| {
            Failure::passing(format!("the site can't be reached: {}", error.kind()))
        })?;
        // Requests are small and wait for their answer.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// Begins to speak HTTP on a connection, which is then worked by a task that ends with the sender or the body.
async fn greet(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Sender, Failure> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// What it means that a connection fails.
pub(super) fn broken(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::lasting("the site does not speak HTTP");
    }
    Failure::passing("the connection broke")
}
