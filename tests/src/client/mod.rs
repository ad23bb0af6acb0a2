//! The API over HTTP. What is wrong with an answer is for the caller to judge; only a connection
//! that fails is an `Err`.

pub mod view;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// One who speaks to Muster with one token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What Muster answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: header::HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A file on its way to Muster.
#[derive(Debug)]
pub struct Upload {
    /// What the admin wants and how: `recipe`, `kind`, `settings`, `mapping`, `filename`.
    pub query: Vec<(&'static str, String)>,
    /// What it is.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: reqwest::Body,
    /// How many there are, if known.
    pub length: Option<u64>,
}

impl Client {
    /// One who speaks to the Muster at `base`, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .expect("a client without TLS can always be built");
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// The same with another token, or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self {
            token: token.map(str::to_owned),
            ..self.clone()
        }
    }

    /// Where Muster is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request for `path` (which begins with `/` and may hold a query; a whole address is taken
    /// as it is), to be completed.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let address = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let request = self.http.request(method, address);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and takes the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer {
            status,
            headers,
            body: answer.bytes().await?,
        })
    }

    /// Gets `path`.
    pub async fn get(&self, path: &str) -> reqwest::Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts to `path`, with a JSON body if there is one.
    pub async fn post(&self, path: &str, body: Option<&Value>) -> reqwest::Result<Answer> {
        let request = self.request(Method::POST, path);
        self.send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// Uploads a file to a site, as the body itself.
    pub async fn upload(&self, site: &str, upload: Upload) -> reqwest::Result<Answer> {
        let mut request = self
            .request(Method::POST, &format!("/api/v1/sites/{site}/imports"))
            .query(&upload.query)
            .header(header::CONTENT_TYPE, upload.content_type);
        if let Some(length) = upload.length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        self.send(request.body(upload.body)).await
    }
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The address of the next page, from `Link`.
    #[must_use]
    pub fn next_page(&self) -> Option<String> {
        let link = self.header("link")?;
        let next = link
            .split(',')
            .find(|part| part.contains("rel=\"next\"") || part.contains("rel=next"))?;
        Some(next.split_once('<')?.1.split_once('>')?.0.to_owned())
    }

    /// The answer, if its status is that.
    ///
    /// # Panics
    /// With the body, if it is not.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "Muster answered otherwise: {}",
            self.text()
        );
        self
    }
}
