//! What the admin of one site does, one thing after the other: uploads, previews, applies, thinks
//! better of it. Beside it the model is told the same, and whatever Muster says is compared with it
//! at once.

mod applying;
mod comparing;
mod going;
mod pulling;
mod undoing;

use super::{
    asker::{Asker, Parcel},
    figures::Counting,
    lms,
    look::{Look, Written},
    model::{self, Applied, Kind, Mode, Origin, Plan, Rules, State, Table},
    sheet::{Cast, Sheet, Size},
};
use crate::make::Chance;
use anyhow::{Context, bail};
use comparing::brief;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Steps between two looks at all that the site holds.
const LOOK_EVERY: usize = 8;

/// What the admin of one site does.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) site: String,
    pub(super) seed: u64,
    pub(super) cast: Cast,
    pub(super) asker: Asker,
    pub(super) database: String,
    pub(super) counting: Arc<Counting>,
    /// When no more is begun.
    pub(super) until: Instant,
    pub(super) state: State,
    pub(super) imports: Vec<Import>,
}

/// An import of the site; its place in the list is its source.
#[derive(Debug)]
pub(super) struct Import {
    id: String,
    what: What,
    plans: Vec<Plan>,
    /// What applying it did; `None`: nobody asked.
    applied: Option<Applied>,
    is_cancelled: bool,
}

/// What an import is.
#[derive(Debug)]
enum What {
    File {
        rules: Rules,
        table: Table,
    },
    /// Of the import in that place.
    Undo(usize),
}

/// Where the plans of an import come from.
fn origin(imports: &[Import], place: usize) -> Origin<'_> {
    match &imports[place].what {
        What::File { rules, table } => Origin::File { rules, table },
        What::Undo(of) => {
            let undone = imports[*of]
                .applied
                .as_ref()
                .expect("only what was applied is undone");
            Origin::Undo {
                kind: origin(imports, *of).kind(),
                undone,
                of: *of,
                first: first(imports, place),
            }
        }
    }
}

/// The import that made first what an undo of an undo makes anew; any other makes everything first.
fn first(imports: &[Import], place: usize) -> usize {
    let undone = |place: usize| match imports[place].what {
        What::Undo(of) => Some(of),
        What::File { .. } => None,
    };
    undone(place)
        .and_then(undone)
        .map_or(place, |again| first(imports, again))
}

impl Script {
    /// Does one thing after the other until it is time, then compares all that the site holds.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let mut step = 0;
        while step < 4 || Instant::now() < self.until {
            let chance = Chance::new(self.seed ^ (step as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            self.step(step, chance)
                .await
                .with_context(|| format!("site {}, step {step}", self.site))?;
            step += 1;
            if step % LOOK_EVERY == 0 {
                // Not now, if Postgres is away.
                if let Ok(rows) = self.rows().await {
                    self.compare_rows(&rows)?;
                }
            }
        }
        let rows = loop {
            match self.rows().await {
                Ok(rows) => break rows,
                Err(error) if Instant::now() > self.until + Duration::from_mins(10) => {
                    return Err(error);
                }
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        };
        self.compare_rows(&rows)
    }

    async fn rows(&self) -> anyhow::Result<model::Rows> {
        let mut conn = PgConnection::connect(&self.database).await?;
        let ids: Vec<String> = self
            .imports
            .iter()
            .map(|import| import.id.clone())
            .collect();
        lms::rows(&mut conn, &self.site, &ids).await
    }

    async fn step(&mut self, step: usize, mut chance: Chance) -> anyhow::Result<()> {
        let beginning = ["create-segments", "create-courses", "create-users"];
        if let Some(recipe) = beginning.get(step) {
            let sheet = self.cast.of_recipe(recipe, &mut chance, Size::Middling);
            return self.one(step, sheet, &mut chance).await;
        }
        let size = Size::random(&mut chance);
        let sheet = self.cast.sheet(&mut chance, size);
        match chance.below(100) {
            0..10 => self.early_end(step, sheet, &mut chance).await,
            10..30 => self.undo(&mut chance).await,
            30..45 => self.go_on(step, &mut chance).await,
            45..52 => self.pull_away(step, &mut chance).await,
            52..67 => self.pair(step, sheet, &mut chance).await,
            _ => self.one(step, sheet, &mut chance).await,
        }
    }

    /// A file from upload to its end.
    async fn one(&mut self, step: usize, sheet: Sheet, chance: &mut Chance) -> anyhow::Result<()> {
        let is_custom = sheet.recipe == "custom";
        let import = self.upload(&format!("{step}"), sheet, chance).await?;
        self.previewed(import).await?;
        if is_custom && chance.is(30) {
            self.preview_again(import, chance).await?;
        }
        self.applied(import, chance).await
    }

    /// Two files, or a file and an undo, that are both previewed before either is applied, so that
    /// the later one meets what the other changed.
    async fn pair(&mut self, step: usize, sheet: Sheet, chance: &mut Chance) -> anyhow::Result<()> {
        let one = self.upload(&format!("{step}-a"), sheet, chance).await?;
        let other = if chance.is(40) {
            self.undo_previewed(chance).await?
        } else {
            let size = Size::random(chance);
            let sheet = self.cast.sheet(chance, size);
            let other = self.upload(&format!("{step}-b"), sheet, chance).await?;
            self.previewed(other).await?;
            Some(other)
        };
        self.previewed(one).await?;
        let mut imports: Vec<usize> = [Some(one), other].into_iter().flatten().collect();
        if chance.is(50) {
            imports.reverse();
        }
        for import in imports {
            self.applied(import, chance).await?;
        }
        Ok(())
    }

    /// A file that nobody applies: cancelled as soon as it is there, or when it was looked at.
    async fn early_end(
        &mut self,
        step: usize,
        sheet: Sheet,
        chance: &mut Chance,
    ) -> anyhow::Result<()> {
        let import = self.upload(&format!("{step}"), sheet, chance).await?;
        if chance.is(50) {
            self.previewed(import).await?;
        } else {
            tokio::time::sleep(Duration::from_millis(chance.below(1_500) as u64)).await;
        }
        let id = self.imports[import].id.clone();
        self.asker.ask(&id, "cancel").await?;
        let ended = self.asker.rest(&id).await?;
        if ended["status"] != "cancelled" {
            bail!(
                "an import that was cancelled before it was applied came to {}",
                brief(&ended)
            );
        }
        Ok(())
    }

    /// Uploads a file; its place in the list.
    async fn upload(
        &mut self,
        name: &str,
        sheet: Sheet,
        chance: &mut Chance,
    ) -> anyhow::Result<usize> {
        let Sheet {
            recipe,
            kind,
            rules,
            mut settings,
            headings,
            records,
        } = sheet;
        let Written {
            bytes,
            content_type,
            settings: of_look,
            table,
        } = Look::random(chance).write(headings, records);
        settings.extend(of_look);
        let mut query = vec![
            ("recipe", recipe.to_owned()),
            ("settings", Value::Object(settings).to_string()),
        ];
        query.extend(kind.map(|kind| ("kind", kind.to_owned())));
        self.counting.figures().lines += table.lines.len() as u64;
        let parcel = Parcel {
            query,
            filename: format!("{}-{name}.csv", self.site),
            content_type,
            bytes,
        };
        let id = self.asker.upload(&parcel, None).await?;
        Ok(self.remember(id, What::File { rules, table }))
    }

    fn remember(&mut self, id: String, what: What) -> usize {
        self.counting.figures().known += 1;
        self.imports.push(Import {
            id,
            what,
            plans: Vec::new(),
            applied: None,
            is_cancelled: false,
        });
        self.imports.len() - 1
    }

    /// Waits for a preview, plans the same, and compares.
    async fn previewed(&mut self, place: usize) -> anyhow::Result<Value> {
        let id = self.imports[place].id.clone();
        let ready = loop {
            let rested = self.asker.rest(&id).await?;
            match rested["status"].as_str() {
                Some("ready") => break rested,
                Some("failed") => drop(self.asker.ask(&id, "retry").await?),
                _ => bail!("an import should be ready: {}", brief(&rested)),
            }
        };
        self.imports[place].plans = model::preview(&mut self.state, &origin(&self.imports, place));
        self.compare_preview(place, &ready)?;
        Ok(ready)
    }

    /// Asks for the preview again with another mode.
    async fn preview_again(&mut self, place: usize, chance: &mut Chance) -> anyhow::Result<()> {
        let modes = [
            ("create-only", Mode::CreateOnly),
            ("create-and-update", Mode::CreateAndUpdate),
            ("update-only", Mode::UpdateOnly),
        ];
        let (word, mode) = *chance.of(&modes);
        let overrides = chance.is(50);
        let mut settings = json!({"mode": word});
        if let What::File { rules, .. } = &mut self.imports[place].what {
            if rules.kind == Kind::People {
                settings["existing_details"] = json!(if overrides { "override" } else { "keep" });
                rules.overrides = overrides;
            }
            rules.mode = mode;
        }
        let id = self.imports[place].id.clone();
        self.counting.request("preview");
        self.asker.preview_again(&id, &settings).await?;
        self.previewed(place).await.map(drop)
    }
}

impl Asker {
    /// Asks for another preview. A request that comes late must not come through, so each names the
    /// version that it is about.
    async fn preview_again(&self, id: &str, settings: &Value) -> anyhow::Result<()> {
        let (path, body) = (
            format!("/imports/{id}/preview"),
            json!({"settings": settings}),
        );
        loop {
            let looked = self.get(&format!("/imports/{id}")).await?;
            let import = looked.json();
            let has_them = settings.as_object().is_some_and(|wanted| {
                wanted
                    .iter()
                    .all(|(name, value)| import["settings"][name] == *value)
            });
            if has_them {
                return Ok(());
            }
            if import["at_rest"] != true {
                self.rest(id).await?;
                continue;
            }
            let version = looked
                .header("etag")
                .context("an import has an ETag")?
                .to_owned();
            let answer = self.post_if(&path, &version, &body).await;
            if let Some(answer) = answer.filter(|answer| !matches!(answer.status, 202 | 412)) {
                bail!(
                    "a new preview is answered {}: {}",
                    answer.status,
                    answer.text()
                );
            }
        }
    }

    async fn post_if(
        &self,
        rest: &str,
        version: &str,
        body: &Value,
    ) -> Option<crate::client::Answer> {
        let path = self.path(rest);
        self.once(|api| {
            api.request(Method::POST, &path)
                .header("if-match", version)
                .json(body)
        })
        .await
    }
}
