// Downloads a package of Debian or Ubuntu with what it needs and unpacks it in the folder $1: no rights needed, nothing is installed.
const UNPACK = `
set -e
mkdir -p "$1/lists/partial" "$1/archives/partial" "$1/root"
options="-qq -o Dir::State::lists=$1/lists -o Dir::Cache=$1 -o Dir::Cache::archives=$1/archives
  -o Debug::NoLocking=true -o APT::Sandbox::User= -o Dir::Log=$1"
apt-get $options update
apt-get $options install --yes --download-only --reinstall --no-install-recommends "$2"
for package in "$1"/archives/*.deb; do dpkg-deb -x "$package" "$1/root"; done
rm -rf "$1/lists" "$1/archives" "$1"/*.bin
`;

/**
 * Unpacks a package of Debian or Ubuntu into `root` below that folder; its libraries are in {@linkcode librariesOf}.
 *
 * @throws {Error} when there is no apt-get, no such package or no network, with what apt-get said.
 */
export async function unpackDebianPackage(name: string, folder: string): Promise<void> {
  const args = ["-c", UNPACK, "unpack", folder, name];
  const { success, stderr } = await new Deno.Command("sh", { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** The folder with the libraries that came with an unpacked package. */
export function librariesOf(folder: string): string {
  return `${folder}/root/usr/lib/${Deno.build.arch}-linux-gnu`;
}
