/**
 * O sistema inteiro a trabalhar, em cinco consoles: três servidores e dois
 * clientes, processos de verdade, com o teclado de cada um tocado por este
 * programa como por uma pessoa. Sai com 0 só se cada linha esperada apareceu.
 *
 * ```sh
 * deno task demo
 * deno task demo --diagrama=corrida.svg   # e desenha as mensagens que passaram
 * ```
 *
 * @module
 */

import { type Cena, desenhar } from "../ferramentas/diagrama.ts";
import { lerRastro } from "../ferramentas/diagrama/setas.ts";
import { lerArgumentos } from "../lib/opcoes.ts";
import { textoDoErro } from "../lib/texto.ts";

/** Espera máxima por uma linha esperada, em milissegundos; depois, a demonstração falhou. */
const ESPERA_MS = 15_000;

/** Pausas para quem assiste, em milissegundos: entre teclas e entre cenas. */
const PAUSA_MS = { tecla: 60, cena: 900 } as const;

/** Atraso do servidor 3, em milissegundos: a janela em que TRY_OTHER_SERVER_OR_LATER aparece. */
const ATRASO_MS = 3_000;

/** Os values dos PUTs que se repetem até o sorteio ajudar: um diferente de cada vez. */
const CORES = ["verde", "amarelo", "vermelho", "roxo", "laranja", "branco"] as const;
const NOMES = ["João", "Inês", "Luís", "Conceição", "Antônio"] as const;

const RAIZ = new URL("../", import.meta.url);
const COM_CORES = Deno.stdout.isTerminal() && !Deno.noColor;
const [AZUL, VERDE, AMARELO, CIANO, ROSA, FORTE] = [34, 32, 33, 36, 35, 1];

function pintar(texto: string, cor: number): string {
  return COM_CORES ? `\x1b[${cor}m${texto}\x1b[0m` : texto;
}

function escrever(linha: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(linha + "\n"));
}

function pausar(ms: number): Promise<void> {
  return new Promise((resolver) => setTimeout(resolver, ms));
}

/** Anuncia uma cena; devolve-a como o diagrama a quer, com a hora em que começou. */
async function cena(titulo: string): Promise<Cena> {
  await pausar(PAUSA_MS.cena);
  escrever("\n" + pintar(`── ${titulo} `.padEnd(82, "─"), FORTE));
  return { titulo, quando: performance.timeOrigin + performance.now() };
}

/** Uma das cinco consoles: um processo, o seu teclado e a sua tela. */
class Console {
  readonly #processo: Deno.ChildProcess;
  readonly #teclado: WritableStreamDefaultWriter<Uint8Array>;
  readonly #nome: string;
  readonly #leitura: Promise<unknown>;
  /** Como o diagrama o chama. */
  readonly nome: string;
  /** Todas as linhas que mostrou. */
  readonly linhas: string[] = [];
  /** O menu, depois de mostrado uma vez. */
  #menu = "";
  /** A pergunta à espera de resposta. */
  #pergunta = "";

  constructor(nome: string, cor: number, programa: string, permissoes: string[], args: string[]) {
    // Sem JSR, quem nos chamou escolheu o mapa de npm: os programas usam o mesmo.
    const semJsr = !/^(jsr:|https:)/.test(import.meta.resolve("@std/streams/text-line-stream"));
    const mapa = semJsr ? ["--import-map=" + new URL("npm.json", RAIZ)] : [];
    this.nome = nome;
    this.#nome = pintar(nome.padEnd(10) + " │", cor);
    this.#processo = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", ...mapa, ...permissoes, `${programa}.ts`, ...args],
      cwd: RAIZ,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#teclado = this.#processo.stdin.getWriter();
    this.#leitura = Promise.all([
      this.#ler(this.#processo.stdout),
      this.#ler(this.#processo.stderr),
    ]);
  }

  async #ler(canal: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let resto = "";
    for await (const texto of canal.pipeThrough(new TextDecoderStream())) {
      const linhas = (resto + texto).split("\n");
      resto = linhas.pop()!;
      for (const linha of linhas) {
        this.linhas.push(linha);
        // O menu é mostrado só na primeira vez. Uma pergunta só é mostrada com a resposta que se vai digitar.
        if (linha.endsWith(":")) this.#pergunta = linha;
        else if (linha !== this.#menu) escrever(`${this.#nome} ${linha}`);
        if (linha.startsWith("Menu:")) this.#menu = linha;
      }
    }
  }

  /** Digita respostas, cada uma depois de a pergunta aparecer. */
  async digitar(...respostas: string[]): Promise<void> {
    for (const resposta of respostas) {
      await ate(() => this.#pergunta !== "", "uma pergunta na tela");
      escrever(`${this.#nome} ${this.#pergunta} ${pintar(resposta || "(Enter)", FORTE)}`);
      this.#pergunta = "";
      await pausar(PAUSA_MS.tecla);
      await this.#teclado.write(new TextEncoder().encode(resposta + "\n"));
    }
  }

  /** Espera uma linha que não estava lá antes de `desde` linhas. */
  linha(esperada: RegExp, desde = 0): Promise<string> {
    return ate(() => this.linhas.slice(desde).find((linha) => esperada.test(linha)), `${esperada}`);
  }

  /** Escolhe uma função no menu, responde, e devolve o resultado. */
  async pedir(funcao: "PUT" | "GET", ...respostas: string[]): Promise<string> {
    const desde = this.linhas.length;
    await this.digitar(funcao, ...respostas);
    return await this.linha(/^(PUT_OK|GET|ERRO:) /, desde);
  }

  get pid(): number {
    return this.#processo.pid;
  }

  async encerrar(): Promise<void> {
    try {
      this.#processo.kill("SIGKILL");
    } catch {
      // Já tinha acabado.
    }
    await this.#teclado.abort().catch(() => {});
    await this.#processo.status;
    await this.#leitura;
  }
}

/** Espera até a condição dar um valor. @throws {Error} se não dá a tempo. */
async function ate<T>(condicao: () => T | Promise<T>, oQue: string): Promise<NonNullable<T>> {
  for (const fim = performance.now() + ESPERA_MS; performance.now() < fim;) {
    const valor = await condicao();
    if (valor) return valor;
    await pausar(5);
  }
  throw new Error(`não apareceu: ${oQue}`);
}

/** As portas do enunciado, ou três livres se alguma está ocupada. */
function escolherPortas(): string[] {
  const tentar = (portas: number[]): string[] => {
    const ouvintes: Deno.TcpListener[] = [];
    try {
      for (const port of portas) ouvintes.push(Deno.listen({ hostname: "127.0.0.1", port }));
      return ouvintes.map(({ addr }) => String(addr.port));
    } finally {
      for (const ouvinte of ouvintes) ouvinte.close();
    }
  };
  try {
    return tentar([10097, 10098, 10099]);
  } catch {
    return tentar([0, 0, 0]);
  }
}

/** Faz tudo; com uma pasta, cada programa deixa nela o rastro das suas mensagens. Devolve as cenas que as têm. */
async function demonstrar(
  consoles: Console[],
  portas: string[],
  pasta: string | undefined,
): Promise<Cena[]> {
  const [lider, ...outras] = portas as [string, string, string];
  const abrir = (nome: string, cor: number, programa: string, args: string[] = []) => {
    const permissoes = programa === "servidor"
      ? ["--allow-net", "--allow-read=servidor.ts,cliente.ts,mensagem.ts,lib"]
      : ["--allow-net"];
    if (pasta !== undefined) {
      const rastro = `${pasta}/${consoles.length}.jsonl`;
      permissoes.push(`--allow-write=${rastro}`);
      args = [...args, `--rastro=${rastro}`];
    }
    const console = new Console(nome, cor, programa, permissoes, args);
    consoles.push(console);
    return console;
  };

  const cenas: Cena[] = [{ titulo: "Três servidores: os outros se juntam ao líder", quando: 0 }];
  escrever(
    pintar("── Três servidores: cada um pergunta o seu endereço e o do líder ─────────────", FORTE),
  );
  const servidores = [
    abrir("Servidor 1", AZUL, "servidor"),
    abrir("Servidor 2", VERDE, "servidor"),
    abrir("Servidor 3", AMARELO, "servidor", [`--atraso=${ATRASO_MS}`]),
  ];
  for (const [n, servidor] of servidores.entries()) {
    await servidor.digitar("", portas[n]!, "", lider);
  }
  const [um, dois, tres] = servidores as [Console, Console, Console];

  await cena("Dois clientes: INIT diz onde estão os três; ninguém lhes diz quem é o líder");
  const [x, y] = [abrir("Cliente X", CIANO, "cliente"), abrir("Cliente Y", ROSA, "cliente")];
  for (const cliente of [x, y]) {
    await cliente.digitar("INIT", ...[lider, ...outras].flatMap((porta) => ["", porta]));
  }

  cenas.push(
    await cena(
      `PUT: todos têm o value antes do PUT_OK (o servidor 3 demora ${ATRASO_MS / 1000} s)`,
    ),
  );
  exigir(await x.pedir("PUT", "cor", "azul"), /^PUT_OK key: cor value azul timestamp 1 realizada/);
  await um.linha(/^Cliente 127.0.0.1:\d+ PUT key:cor value:azul$/);
  await um.linha(/^Enviando PUT_OK ao Cliente 127.0.0.1:\d+ da key:cor ts:1$/);
  for (const seguidor of [dois, tres]) {
    await seguidor.linha(/^REPLICATION key:cor value:azul ts:1$/);
  }

  cenas.push(await cena("GET: qualquer servidor responde; de uma key que não existe, NULL"));
  const responderam = new Set<string>();
  await ate(async () => {
    const linha = await y.pedir("GET", "cor");
    exigir(
      linha,
      /^GET key: cor value: azul obtido do servidor 127.0.0.1:\d+, meu timestamp [01] e do servidor 1$/,
    );
    return responderam.add(/servidor 127.0.0.1:(\d+),/.exec(linha)![1]!).size === 3;
  }, "resposta dos três servidores");
  exigir(
    await y.pedir("GET", "sabor"),
    /^GET key: sabor value: NULL obtido do servidor .* meu timestamp 0 e do servidor 0$/,
  );

  cenas.push(await cena("Quem viu o value novo não volta ao antigo: TRY_OTHER_SERVER_OR_LATER"));
  // O sorteio pode não levar Y ao servidor 3 a tempo; então, mais um PUT.
  let recusado = false;
  for (let n = 0; !recusado; n++) {
    const value = CORES[n];
    if (value === undefined) {
      throw new Error(`em ${CORES.length} PUTs, nenhum GET foi recusado pelo servidor 3`);
    }
    recusado = await mostrarRecusa({ x, y, tres }, value, n + 2);
  }

  cenas.push(await cena("PUT por um seguidor, que o encaminha ao líder"));
  const encaminhou = (seguidor: Console) =>
    seguidor.linhas.some((linha) => linha.startsWith("Encaminhando PUT key:nome value:"));
  for (let n = 0; ![dois, tres].some(encaminhou); n++) {
    if (n === 20) throw new Error("em 20 sorteios, nenhum PUT foi a um seguidor");
    const nome = NOMES[n % NOMES.length]!;
    exigir(
      await y.pedir("PUT", "nome", nome),
      new RegExp(`^PUT_OK key: nome value ${nome} timestamp \\d+ realizada`),
    );
  }
  return cenas;
}

/**
 * X faz um PUT, que espera o servidor 3 e terá este timestamp; Y vê o value novo onde ele já chegou e
 * insiste até ir ao servidor 3, que ainda tem o antigo. Diz se Y foi a tempo.
 */
async function mostrarRecusa(
  { x, y, tres }: { x: Console; y: Console; tres: Console },
  value: string,
  timestamp: number,
): Promise<boolean> {
  const desde = x.linhas.length;
  const confirmado = () => x.linhas.slice(desde).some((linha) => linha.startsWith("PUT_OK "));
  await x.digitar("PUT", "cor", value);
  await tres.linha(new RegExp(`^REPLICATION key:cor value:${value} ts:${timestamp}$`));
  const recusa = new RegExp(
    `value: TRY_OTHER_SERVER_OR_LATER .* meu timestamp ${timestamp} e do servidor ${
      timestamp - 1
    }$`,
  );
  let recusado = false;
  while (!recusado && !confirmado()) recusado = recusa.test(await y.pedir("GET", "cor"));
  if (recusado) await tres.linha(/ts é \d+, portanto devolvendo TRY_OTHER_SERVER_OR_LATER$/);
  exigir(
    await x.linha(/^PUT_OK /, desde),
    new RegExp(`cor value ${value} timestamp ${timestamp} `),
  );
  return recusado;
}

/** O arquivo de `--diagrama`, se há; `--ajuda`, e o que não serve, acabam o programa. */
function lerDiagrama(): string | undefined {
  try {
    const { opcoes, livres } = lerArgumentos(Deno.args, { textos: ["diagrama"], sinais: [] });
    if (livres.length > 0) throw new TypeError(`Argumento inesperado: "${livres[0]}"`);
    if (!opcoes.ajuda && !opcoes.versao) return opcoes.diagrama;
    escrever("Uso: demo [--diagrama=ARQUIVO.svg]");
  } catch (erro) {
    escrever(`ERRO: ${textoDoErro(erro)}`);
    Deno.exit(2);
  }
  Deno.exit(0);
}

function exigir(linha: string, esperada: RegExp): void {
  if (!esperada.test(linha)) throw new Error(`veio "${linha}", esperava ${esperada}`);
}

/** Desenha no arquivo as mensagens de que os programas deixaram o rastro na pasta. */
async function gravarDiagrama(
  arquivo: string,
  pasta: string,
  { consoles, portas, cenas }: { consoles: Console[]; portas: string[]; cenas: Cena[] },
): Promise<void> {
  const rastros = await Promise.all(
    consoles.map((_, n) => Deno.readTextFile(`${pasta}/${n}.jsonl`)),
  );
  const nomes = Object.fromEntries(consoles.map(({ nome, pid }, n) => {
    const porta = portas[n];
    return porta === undefined ? [`cliente ${pid}`, nome] : [`127.0.0.1:${porta}`, nome];
  }));
  const titulo = "Uma corrida de verdade: três servidores, dois clientes e as suas mensagens";
  await Deno.writeTextFile(arquivo, desenhar(rastros.flatMap(lerRastro), { titulo, nomes, cenas }));
  escrever(`\nO diagrama das mensagens está em ${arquivo}`);
}

if (import.meta.main) {
  const diagrama = lerDiagrama();
  if (diagrama !== undefined) {
    try {
      // Antes de tudo, se pode ser escrito; o que lá houver só se perde no fim.
      (await Deno.open(diagrama, { write: true, create: true })).close();
    } catch (erro) {
      escrever(`ERRO: não é possível gravar em ${diagrama}: ${textoDoErro(erro)}`);
      Deno.exit(2);
    }
  }
  const pasta = diagrama === undefined ? undefined : await Deno.makeTempDir();
  const consoles: Console[] = [];
  let codigo = 0;
  try {
    const portas = escolherPortas();
    const cenas = await demonstrar(consoles, portas, pasta);
    await cena("Tudo como esperado: cada linha do enunciado apareceu. Fim.");
    if (diagrama !== undefined && pasta !== undefined) {
      await gravarDiagrama(diagrama, pasta, { consoles, portas, cenas });
    }
  } catch (erro) {
    escrever(pintar(`\nA demonstração falhou: ${(erro as Error).message}`, 31));
    codigo = 1;
  } finally {
    await Promise.all(consoles.map((console) => console.encerrar()));
    if (pasta !== undefined) await Deno.remove(pasta, { recursive: true });
  }
  Deno.exit(codigo);
}
