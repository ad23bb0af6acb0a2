//! Tokens: 256 random bits that are shown once; only their SHA-256 is stored, so a copy of the
//! database opens nothing.

use chrono::{DateTime, Utc};
use muster_shared::{
    model::{access::Role, ids::AccountId, ids::SiteId},
    store::StoreError,
};
use rand::Rng;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::fmt;
use uuid::Uuid;

/// What every token begins with, so that a leaked one is recognised.
const PREFIX: &str = "mst_";

/// A token in clear. It prints only through [`Token::reveal`].
pub(crate) struct Token(String);

impl Token {
    /// A fresh one.
    pub(crate) fn fresh() -> Self {
        let mut bits = [0_u8; 32];
        rand::rng().fill_bytes(&mut bits);
        Self(format!("{PREFIX}{}", hex::encode(bits)))
    }

    /// The token of an `Authorization` header; `None`: it holds none.
    pub(crate) fn of_header(value: &str) -> Option<Self> {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(PREFIX))
            .then(|| Self(token.to_owned()))
    }

    /// Under which it is stored.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }

    /// The text, to be shown once.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What an account is given along with a token.
#[derive(Debug)]
pub(crate) struct Grant {
    /// Whose. Made if it is not there.
    pub(crate) email: String,
    /// A role in a site; replaces the one it had there.
    pub(crate) role: Option<(SiteId, Role)>,
    /// Makes it a system administrator; never takes that away.
    pub(crate) is_system_admin: bool,
    /// When the token ends.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// Makes a token, with the account and role that it is for.
pub(crate) async fn grant(conn: &mut PgConnection, grant: &Grant) -> Result<Token, StoreError> {
    let account = sqlx::query_scalar!(
        "INSERT INTO muster.accounts (id, email, is_system_admin) VALUES ($1, $2, $3)
         ON CONFLICT (email) DO UPDATE SET is_system_admin = accounts.is_system_admin OR excluded.is_system_admin
         RETURNING id",
        AccountId::fresh().0,
        grant.email,
        grant.is_system_admin,
    )
    .fetch_one(&mut *conn)
    .await?;
    if let Some((site, role)) = grant.role {
        give_role(&mut *conn, AccountId(account), site, role).await?;
    }
    let token = Token::fresh();
    sqlx::query!(
        "INSERT INTO muster.tokens (id, account_id, hash, expires_at) VALUES ($1, $2, $3, $4)",
        Uuid::now_v7(),
        account,
        token.hash(),
        grant.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(token)
}

/// Gives an account a role in a site, in place of the one it had there.
pub(crate) async fn give_role(
    conn: &mut PgConnection,
    account: AccountId,
    site: SiteId,
    role: Role,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO muster.site_roles (account_id, site_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (account_id, site_id) DO UPDATE SET role = excluded.role",
        account.0,
        site.0,
        <&str>::from(role),
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_recognised_and_never_printed() {
        let token = Token::fresh();
        assert_eq!((token.reveal().len(), token.hash().len()), (4 + 64, 32));
        assert_eq!(format!("{token:?}"), "Token(…)");
        let again = Token::of_header(&format!("bearer {}", token.reveal())).unwrap();
        assert_eq!(again.hash(), token.hash());
        for header in ["Basic mst_x", "Bearer other_x", "mst_x", ""] {
            assert!(Token::of_header(header).is_none(), "{header}");
        }
    }
}
