mod audit;
mod basic;
mod cookie;
mod credential;
mod device;
mod hashing;
mod invite;
mod local_path;
mod secret;
mod session;
#[cfg(test)]
mod testing;
mod throttle;
mod token;

/// Why something could not be done to an account.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// A new password is too short.
    #[error("the password is too short: expected at least {} characters", credential::PASSWORD_CHARS_MIN)]
    PasswordShort,
    /// A new password is too long.
    #[error("the password is too long: at most {} bytes are taken", credential::PASSWORD_BYTES_MAX)]
    PasswordLong,
    /// A password that was to be imported is in no form that is known here.
    #[error("the imported password is neither `{{SSHA}}` nor `{{SHA}}` with base64")]
    PasswordForm,
    /// A token has no name, or one that is too long or not printable.
    #[error("a token needs a name of at most {} characters", token::TOKEN_NAME_CHARS_MAX)]
    TokenName,
    /// A token would be expired when it is made.
    #[error("the token would expire before it was made")]
    TokenExpired,
    /// A token names too many permissions, or too long ones.
    #[error("the token names too many permissions")]
    TokenPermissions,
    /// A user has as many tokens as he may have.
    #[error("there are {} tokens already: revoke some first", token::TOKENS_MAX)]
    TooManyTokens,
    /// There are as many one-time links as there may be.
    #[error("too many one-time links wait to be used")]
    TooManyInvites,
    /// A one-time link was used, is expired or was never made.
    #[error("the link was used already, or has expired")]
    InviteGone,
    /// Too many wait for their password to be hashed.
    #[error("too many people are logging in at the moment")]
    Busy,
    /// The store cannot be read.
    #[error("the accounts cannot be read")]
    Store(#[from] bough_store::StoreError),
    /// The store cannot be written.
    #[error("the accounts cannot be written")]
    Commit(#[from] bough_store::CommitError),
}
