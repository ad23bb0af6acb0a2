//! Who are you, and what may you do. The answer is a type in the handler's signature: [`Caller`],
//! [`SystemAdmin`], or [`Access`] with the role that it takes. A site in which an account has no
//! role does not exist for it.

mod token;

use crate::{
    problem::{Needs, Problem},
    request::path::part,
    state::App,
    time_limit::in_time,
};
use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use muster_shared::{
    model::{
        access::Role,
        ids::{AccountId, SiteId},
        site::Site,
    },
    store::{StoreError, sites},
};
use std::marker::PhantomData;

pub(crate) use token::{Grant, Token, give_role, grant};

/// A person who works with Muster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// Who.
    pub(crate) id: AccountId,
    /// Manages sites. No role in any follows from it.
    pub(crate) is_system_admin: bool,
}

/// Anybody with a token.
pub(crate) struct Caller(pub(crate) Account);

/// A caller who manages sites.
pub(crate) struct SystemAdmin(pub(crate) Account);

/// A caller with the role `R`, or one that includes it, in the site of the address.
pub(crate) struct Access<R> {
    /// Who.
    pub(crate) account: Account,
    /// Where.
    pub(crate) site: Site,
    /// What they are there.
    pub(crate) role: Role,
    permission: PhantomData<R>,
}

/// A role as a type.
pub(crate) trait Permission {
    /// The role.
    const ROLE: Role;
}

/// Reads.
pub(crate) struct Viewer;
/// Uploads, previews, and cancels what is not applied.
pub(crate) struct Uploader;
/// Applies, stops what is applied, and manages.
pub(crate) struct Admin;

impl Permission for Viewer {
    const ROLE: Role = Role::Viewer;
}
impl Permission for Uploader {
    const ROLE: Role = Role::Uploader;
}
impl Permission for Admin {
    const ROLE: Role = Role::Admin;
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(Bearer::of(parts, None, app).await?.account))
    }
}

impl FromRequestParts<App> for SystemAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(account) = Caller::from_request_parts(parts, app).await?;
        if account.is_system_admin {
            Ok(Self(account))
        } else {
            Err(Problem::Forbidden(Needs::SystemAdmin))
        }
    }
}

impl<R: Permission> FromRequestParts<App> for Access<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        const ABSENT: Problem = Problem::NotFound("There is no such site.");
        let slug = part(parts, "site").await;
        let Bearer {
            account,
            membership,
        } = Bearer::of(parts, slug.as_deref(), app).await?;
        let (site, role) = membership.ok_or(ABSENT)?;
        tracing::Span::current().record("site.id", site.id.0);
        if role < R::ROLE {
            return Err(Problem::Forbidden(Needs::Role(R::ROLE)));
        }
        Ok(Self {
            account,
            site,
            role,
            permission: PhantomData,
        })
    }
}

/// Who sent a token.
struct Bearer {
    account: Account,
    /// The site that was asked for, if they have a role there, and the role.
    membership: Option<(Site, Role)>,
}

impl Bearer {
    /// Whose token a request carries, and what they are in that site: all in one statement, since
    /// every request begins with it.
    async fn of(parts: &Parts, site: Option<&str>, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION);
        let header = header.ok_or(Problem::Unauthenticated(
            "Send a token: `Authorization: Bearer mst_…`.",
        ))?;
        let token = header
            .to_str()
            .ok()
            .and_then(Token::of_header)
            .ok_or(Problem::Unauthenticated("This is no token of Muster."))?;
        let hash = token.hash();
        let asked = sqlx::query!(
            r#"SELECT a.id, a.is_system_admin, s.id AS "site_id?", s.slug AS "slug?", s.name AS "name?", s.settings AS "settings?",
                      r.role AS "role?"
                 FROM muster.tokens t
                 JOIN muster.accounts a ON a.id = t.account_id
                 LEFT JOIN (muster.sites s JOIN muster.site_roles r ON r.site_id = s.id) ON s.slug = $2 AND r.account_id = a.id
                WHERE t.hash = $1 AND (t.expires_at IS NULL OR t.expires_at > now())"#,
            &hash,
            site,
        );
        let found = in_time(async { Ok(asked.fetch_optional(&app.pool).await?) }).await?;
        let found = found.ok_or(Problem::Unauthenticated(
            "This token is unknown or has expired.",
        ))?;
        let account = Account {
            id: AccountId(found.id),
            is_system_admin: found.is_system_admin,
        };
        let (Some(id), Some(slug), Some(name), Some(settings), Some(role)) = (
            found.site_id,
            found.slug,
            found.name,
            found.settings,
            found.role,
        ) else {
            return Ok(Self {
                account,
                membership: None,
            });
        };
        let site = Site {
            id: SiteId(id),
            slug,
            name,
            settings: sites::settings(settings)?,
        };
        let role = role
            .parse()
            .map_err(|_| StoreError::inconsistent("site_roles.role", &role))?;
        Ok(Self {
            account,
            membership: Some((site, role)),
        })
    }
}
