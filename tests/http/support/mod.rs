//! A server on a socket, and a client that checks every answer against the document.

pub(crate) mod document;

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::net::TcpListener;
use workdisk::WorkspaceManager;
use workdisk::http::{HashedKeys, HttpOptions, router_with};
use workdisk::model::AccountId;
use workdisk::{Metadata, Volume};
use workdisk_conformance::{Faults, FaultyMetadata, FaultyVolume};
use workdisk_memory::{MemoryMetadata, MemoryVolume};

/// The key of the account that a test works with, and that of another one.
pub(crate) const KEY: &str = "a-key-of-acme";
pub(crate) const STRANGERS_KEY: &str = "a-key-of-a-stranger";

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) manager: WorkspaceManager,
    pub(crate) faults: Faults,
    serving: tokio::task::JoinHandle<()>,
    _place: Box<dyn Any + Send + Sync>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    /// Over stores in memory.
    pub(crate) async fn start() -> Self {
        Self::with(HttpOptions::default()).await
    }

    /// Over stores in memory, with options.
    pub(crate) async fn with(options: HttpOptions) -> Self {
        let faults = Faults::new();
        let metadata = FaultyMetadata::new(Arc::new(MemoryMetadata::new()), &faults);
        let volume = FaultyVolume::new(Arc::new(MemoryVolume::new().unwrap()), &faults);
        let (metadata, volume): (Arc<dyn Metadata>, Arc<dyn Volume>) =
            (Arc::new(metadata), Arc::new(volume));
        let manager = WorkspaceManager::open(metadata, volume).await.unwrap();
        Self::over(manager, options, faults, Box::new(())).await
    }

    /// Over stores in memory, importing from a server in GitHub's place.
    #[cfg(feature = "github")]
    pub(crate) async fn importing_from(url: &str, options: HttpOptions) -> Self {
        let github = workdisk::github::GithubOptions::default();
        let never = workdisk::github::Retries::new(0, std::time::Duration::ZERO);
        let github = github.with_retries(never).with_base_url(url).unwrap();
        let volume = Arc::new(MemoryVolume::new().unwrap());
        let builder = WorkspaceManager::builder(Arc::new(MemoryMetadata::new()), volume);
        let manager = builder.with_github(github).open().await.unwrap();
        Self::over(manager, options, Faults::new(), Box::new(())).await
    }

    /// Over sled and the best volume that the host allows.
    pub(crate) async fn local() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = workdisk_local::open(folder.path()).await.unwrap();
        let manager = local.manager().clone();
        let options = HttpOptions::default();
        Self::over(manager, options, Faults::new(), Box::new(folder)).await
    }

    async fn over(
        manager: WorkspaceManager,
        options: HttpOptions,
        faults: Faults,
        place: Box<dyn Any + Send + Sync>,
    ) -> Self {
        let account = |id: &str| AccountId::parse(id).unwrap();
        let keys = HashedKeys::new().with_key(account("acme"), KEY).unwrap();
        let keys = keys.with_key(account("stranger"), STRANGERS_KEY).unwrap();
        let app = router_with(manager.clone(), Arc::new(keys), options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            manager,
            faults,
            serving,
            _place: place,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, Some(KEY))
    }

    pub(crate) fn stranger(&self) -> Client {
        Client::new(self.address, Some(STRANGERS_KEY))
    }

    pub(crate) fn nobody(&self) -> Client {
        Client::new(self.address, None)
    }
}

/// A client with a key.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    key: Option<String>,
    http: HyperClient<HttpConnector, Full<Bytes>>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body to the byte.
    pub(crate) text: String,
    /// What it says, null without one.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the code of a problem.
    pub(crate) fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], self.status.as_u16());
        (self.status.as_u16(), self.body["code"].as_str().unwrap())
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap()
    }

    /// Demands a status, and gives the answer back.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, key: Option<&str>) -> Self {
        Self {
            address,
            key: key.map(str::to_owned),
            http: HyperClient::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self::new(self.address, Some(key))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// Sends JSON with headers.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut headers = headers.to_vec();
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.send_bytes(method, path, &headers, body.into_bytes())
            .await
    }

    /// Sends anything, and checks the answer against the document.
    pub(crate) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let uri = format!("http://{}{path}", self.address);
        let mut request = Request::builder().method(method.clone()).uri(uri);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let response = self.http.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap()
        };
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            text,
            body,
        };
        assert!(!answer.header("x-request-id").is_empty());
        document::check(&method, path, &answer);
        answer
    }

    /// Creates a sandbox.
    pub(crate) async fn sandbox(&self, name: &str) -> Value {
        let body = serde_json::json!({"session_type": "sandbox", "name": name});
        self.post("/v1/workspaces", body).await.expect(201).body
    }
}
