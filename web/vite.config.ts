import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

// The client library is a part of what is served, so its licence is served too.
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle() {
      const text = readFileSync("node_modules/paho-mqtt/edl-v10", "utf8").trim();
      const source = `This page contains the Eclipse Paho JavaScript client,\nCopyright (c) 2013 IBM Corp. and others, under the following licence.\n\n${text}\n`;
      this.emitFile({ type: "asset", fileName: "licences.txt", source });
    },
  };
}

// The built page is committed and the binary embeds it, so a build has to give
// the same bytes wherever it runs: no source maps, no dates, nothing inlined.
export default defineConfig({
  plugins: [licences()],
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    // An inlined asset is a data: address, which the page's policy refuses.
    assetsInlineLimit: 0,
    // A script each for page and worker, which share nothing: there is nothing to
    // preload, and the polyfill would be dead weight.
    modulePreload: false,
    rolldownOptions: {
      input: ["index.html", "src/worker.ts"],
      // A worker's address is its identity, so this name never changes.
      output: { entryFileNames: (chunk) => (chunk.name === "worker" ? "worker.js" : "assets/[name]-[hash].js") },
    },
  },
  // `npm run dev` beside a running server.
  server: {
    proxy: {
      "/v1": { target: process.env["RAMBLA_URL"] ?? "http://127.0.0.1:8080" },
      "/mqtt": { target: process.env["RAMBLA_URL"] ?? "http://127.0.0.1:8080", ws: true },
    },
  },
});
