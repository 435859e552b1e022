// Compiles Test.sol and writes the ABI and bytecode of TestToken beside it. See README.md.
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const source = fs.readFileSync(path.join(__dirname, "Test.sol"), "utf8");
const input = {
  language: "Solidity",
  sources: { "Test.sol": { content: source } },
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: "paris",
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const errors = (output.errors || []).filter((error) => error.severity === "error");
if (errors.length) {
  console.error(errors.map((error) => error.formattedMessage).join("\n"));
  process.exit(1);
}
const token = output.contracts["Test.sol"].TestToken;
const compiled = { abi: token.abi, bytecode: "0x" + token.evm.bytecode.object };
fs.writeFileSync(path.join(__dirname, "test_token.json"), JSON.stringify(compiled, null, 1) + "\n");
