//! One site, and whatever an admin may do there.

use super::{muster::Parts, patience::within, story};
use crate::client::{Answer, Client, Upload};
use muster_shared::model::access::Role;
use reqwest::{Method, header};
use serde_json::{Value, json};
use std::sync::Arc;

/// One site, seen by one account.
#[derive(Debug, Clone)]
pub struct Site {
    parts: Arc<Parts>,
    slug: String,
    client: Client,
}

/// A file, and what an admin wants of it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Order {
    query: Vec<(&'static str, String)>,
    content_type: &'static str,
    bytes: Vec<u8>,
}

impl Order {
    /// The file, as text/csv, for a recipe.
    pub fn new(recipe: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let query = vec![("recipe", recipe.to_owned())];
        Self {
            query,
            content_type: "text/csv",
            bytes: bytes.into(),
        }
    }

    /// The file alone, to go on with an import that says the rest.
    pub fn corrected(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            query: Vec::new(),
            content_type: "text/csv",
            bytes: bytes.into(),
        }
    }

    /// With another parameter: `kind`, `mapping`, `filename`.
    pub fn with(mut self, parameter: &'static str, value: &str) -> Self {
        self.query.push((parameter, value.to_owned()));
        self
    }

    /// With settings.
    pub fn settings(self, settings: &Value) -> Self {
        self.with("settings", &settings.to_string())
    }

    /// As something else than text/csv.
    pub fn content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }
}

impl Site {
    pub(super) async fn create(parts: &Arc<Parts>, slug: &str, settings: &Value) -> Self {
        let body = json!({"slug": slug, "name": slug.to_uppercase(), "settings": settings});
        let answer = parts
            .client()
            .post("/api/v1/sites", Some(&body))
            .await
            .expect("the api is up");
        let _ = answer.expect(201);
        Self::existing(parts, slug)
    }

    /// One that is there already; the handle speaks as its administrator.
    pub(super) fn existing(parts: &Arc<Parts>, slug: &str) -> Self {
        let token = parts.token(slug, Role::Admin);
        Self {
            parts: Arc::clone(parts),
            slug: slug.to_owned(),
            client: parts.client().with_token(Some(&token)),
        }
    }

    pub(super) fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// Its name in addresses.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// Who speaks.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A token of an account with that role here.
    #[must_use]
    pub fn token(&self, role: Role) -> String {
        self.parts.token(&self.slug, role)
    }

    /// The same site, seen by an account with that role.
    #[must_use]
    pub fn seen_by(&self, role: Role) -> Self {
        self.with_token(Some(&self.token(role)))
    }

    /// The same site, seen with that token, or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self {
            client: self.client.with_token(token),
            ..self.clone()
        }
    }

    /// The address of something in this site; `rest` begins with `/`.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/sites/{}{rest}", self.slug)
    }

    /// Gets something of this site, whatever the answer is.
    pub async fn get(&self, rest: &str) -> Answer {
        self.client
            .get(&self.path(rest))
            .await
            .expect("the api is up")
    }

    /// Posts to something of this site, whatever the answer is.
    pub async fn post(&self, rest: &str, body: Option<&Value>) -> Answer {
        self.client
            .post(&self.path(rest), body)
            .await
            .expect("the api is up")
    }

    /// Uploads a file, whatever the answer is.
    pub async fn send(&self, order: Order) -> Answer {
        let Order {
            query,
            content_type,
            bytes,
        } = order;
        let upload = Upload {
            query,
            content_type,
            length: Some(bytes.len() as u64),
            body: bytes.into(),
        };
        self.client
            .upload(&self.slug, upload)
            .await
            .expect("the api is up")
    }

    /// Goes on with what an import left, in a corrected file; whatever the answer is.
    pub async fn send_corrected(&self, parent: &str, order: Order) -> Answer {
        let Order {
            query,
            content_type,
            bytes,
        } = order;
        let path = self.path(&format!("/imports/{parent}/continue"));
        let request = self
            .client
            .request(Method::POST, &path)
            .query(&query)
            .header(header::CONTENT_TYPE, content_type)
            .body(bytes);
        self.client.send(request).await.expect("the api is up")
    }

    /// Goes on with lines that an import left, as they are; the id of the import in which they do.
    pub async fn carry_on(&self, parent: &str, outcomes: &[&str]) -> String {
        let body = json!({ "outcomes": outcomes });
        id_of(
            &self
                .post(&format!("/imports/{parent}/continue"), Some(&body))
                .await
                .expect(202)
                .json(),
        )
    }

    /// Uploads a file that is accepted; its import's id.
    pub async fn upload(&self, recipe: &str, file: impl Into<Vec<u8>>) -> String {
        self.order(Order::new(recipe, file)).await
    }

    /// The same, with all that can be said.
    pub async fn order(&self, order: Order) -> String {
        id_of(&self.send(order).await.expect(202).json())
    }

    /// Uploads a file and waits until its preview is complete.
    pub async fn ready(&self, recipe: &str, file: impl Into<Vec<u8>>) -> Value {
        self.ready_order(Order::new(recipe, file)).await
    }

    /// The same, with all that can be said.
    pub async fn ready_order(&self, order: Order) -> Value {
        let id = self.order(order).await;
        self.wait_for(&id, "ready").await
    }

    /// Uploads a file, and applies it when its preview is complete.
    pub async fn applied(&self, recipe: &str, file: impl Into<Vec<u8>>) -> Value {
        self.applied_order(Order::new(recipe, file)).await
    }

    /// The same, with all that can be said.
    pub async fn applied_order(&self, order: Order) -> Value {
        let ready = self.ready_order(order).await;
        let id = id_of(&ready);
        self.apply(&id).await;
        self.wait_for(&id, "applied").await
    }

    /// The import as it is now.
    pub async fn import(&self, id: &str) -> Value {
        self.get(&format!("/imports/{id}")).await.expect(200).json()
    }

    /// The import when it has come to rest.
    pub async fn wait_rest(&self, id: &str) -> Value {
        let path = format!("/imports/{id}?wait=5");
        let look = async || {
            Some(self.get(&path).await.expect(200).json())
                .filter(|import| import["at_rest"] == true)
        };
        match within(look).await {
            Some(import) => import,
            None => panic!("the import does not come to rest\n{}", self.story(id).await),
        }
    }

    /// The import when it has come to rest, which it must do in that status.
    pub async fn wait_for(&self, id: &str, status: &str) -> Value {
        let import = self.wait_rest(id).await;
        assert!(
            import["status"] == status,
            "the import should be {status}: {import:#}\n{}",
            self.story(id).await
        );
        import
    }

    /// Asks that an import be applied, and confirms what it would delete.
    pub async fn apply(&self, id: &str) {
        let deletes = &self.import(id).await["actions"]["delete"];
        let _ = self
            .post(
                &format!("/imports/{id}/apply"),
                Some(&json!({"deletes": deletes})),
            )
            .await
            .expect(202);
    }

    /// Asks that an import be cancelled.
    pub async fn cancel(&self, id: &str) {
        let _ = self
            .post(&format!("/imports/{id}/cancel"), None)
            .await
            .expect(202);
    }

    /// Asks that what an import did be taken back; the undo, when its preview is complete.
    pub async fn undo(&self, id: &str) -> Value {
        let undo = self
            .post(&format!("/imports/{id}/undo"), None)
            .await
            .expect(202)
            .json();
        self.wait_for(undo["id"].as_str().expect("an id"), "ready")
            .await
    }

    /// Takes back what an import did; the undo, applied.
    pub async fn undone(&self, id: &str) -> Value {
        let undo = self.undo(id).await;
        let id = undo["id"].as_str().expect("an id");
        self.apply(id).await;
        self.wait_for(id, "applied").await
    }

    /// Asks for another preview; `with` has `settings`, `mapping` or both.
    pub async fn preview(&self, id: &str, with: &Value) {
        let _ = self
            .post(&format!("/imports/{id}/preview"), Some(with))
            .await
            .expect(202);
    }

    /// All lines of an import that `query` asks for, such as `?action=reject`, from all pages.
    pub async fn rows(&self, id: &str, query: &str) -> Vec<Value> {
        self.list(&format!("/imports/{id}/rows{query}"), "rows")
            .await
    }

    /// All groups of issues of an import.
    pub async fn issues(&self, id: &str) -> Vec<Value> {
        self.list(&format!("/imports/{id}/issues"), "issues").await
    }

    /// Everything of a list, from all its pages.
    pub async fn list(&self, rest: &str, name: &str) -> Vec<Value> {
        let mut page = self.get(rest).await.expect(200);
        let mut all = Vec::new();
        loop {
            all.extend(
                page.json()[name]
                    .as_array()
                    .unwrap_or_else(|| panic!("a list of {name}: {}", page.text()))
                    .clone(),
            );
            match page.next_page() {
                Some(next) => {
                    page = self
                        .client
                        .get(&next)
                        .await
                        .expect("the api is up")
                        .expect(200);
                }
                None => return all,
            }
        }
    }

    /// The report of an import, as text without its BOM.
    pub async fn report(&self, id: &str) -> String {
        let text = self
            .get(&format!("/imports/{id}/report.csv"))
            .await
            .expect(200)
            .text();
        text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
    }

    /// All that happened to an import, and what the site's LMS holds now.
    pub async fn story(&self, id: &str) -> String {
        story::story(self.parts.sql(), id).await
    }

    /// What the site's LMS holds now.
    pub async fn lms(&self) -> String {
        story::lms(self.parts.sql(), &self.slug).await
    }
}

/// The id of an import, as the api shows it.
#[must_use]
pub(super) fn id_of(import: &Value) -> String {
    import["id"]
        .as_str()
        .unwrap_or_else(|| panic!("an import has an id: {import}"))
        .to_owned()
}
