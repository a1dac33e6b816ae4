/**
 * Os testes todos, em duas filas: os do sistema, e ao lado os do que está à volta dele, que passam o
 * tempo à espera de um navegador, do etcd, do compilador. O que estes dizem vem no fim, inteiro.
 *
 * ```sh
 * deno task test
 * ```
 *
 * @module
 */

const RAIZ = new URL("../", import.meta.url);

/** Testes do que está à volta do sistema. */
const A_VOLTA = [
  "tests/lib/",
  "tests/painel/",
  "tests/projeto/",
  "tests/ponte/",
  "tests/conformidade/",
];

/** Pastas cujos exemplos, na documentação, também são testes. */
const COM_EXEMPLOS = ["lib/", "ferramentas/", "ponte/", "exemplos/painel/"];

const OPCOES = [
  ...["test", "--doc", "-NRW", "--allow-run", "--trace-leaks"],
  ...["--sanitize-ops", "--sanitize-resources"],
  // O mapa de bibliotecas, se quem chamou escolheu um.
  ...Deno.args,
];

/** Os módulos da raiz, que têm exemplos. */
function modulos(): string[] {
  return [...Deno.readDirSync(RAIZ)].map(({ name }) => name).filter((nome) => nome.endsWith(".ts"))
    .sort();
}

function comecar(args: readonly string[], saida: "inherit" | "piped"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...OPCOES, ...args],
    cwd: RAIZ,
    stdin: "null",
    stdout: saida,
    stderr: saida,
  }).spawn();
}

if (import.meta.main) {
  const aVolta = comecar([...A_VOLTA, ...COM_EXEMPLOS, ...modulos()], "piped").output();
  const sistema = await comecar([`--ignore=${A_VOLTA}`, "tests/"], "inherit").status;
  const { code, stdout, stderr } = await aVolta;
  await new Blob([stderr, stdout]).stream().pipeTo(Deno.stdout.writable);
  Deno.exitCode = sistema.code || code;
}
