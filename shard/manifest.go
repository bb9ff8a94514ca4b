package shard

// ManifestVersion is the version of the format, in every manifest and in what
// a sealed segment is bound to.
const ManifestVersion = 1
