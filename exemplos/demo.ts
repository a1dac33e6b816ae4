/**
 * O sistema inteiro a trabalhar, em cinco consoles: três servidores e dois
 * clientes, processos de verdade, com o teclado de cada um tocado por este
 * programa como por uma pessoa. Sai com 0 só se cada linha esperada apareceu.
 *
 * ```sh
 * deno task demo
 * deno task demo --diagrama=corrida.svg   # e desenha as mensagens que passaram
 * deno task demo --etcd                   # o mesmo sobre o etcd: a ponte
 * ```
 *
 * @module
 */

import {
  AMARELO,
  ate,
  AZUL,
  cena,
  CIANO,
  Console,
  escrever,
  exigir,
  FORTE,
  pintar,
  ROSA,
  VERDE,
} from "./demo/palco.ts";
import { escolherPortas } from "./processos.ts";
import { demonstrarSobreEtcd } from "./demo/sobre_etcd.ts";
import { type Cena, desenhar } from "../ferramentas/diagrama.ts";
import { lerRastro } from "../ferramentas/diagrama/setas.ts";
import { lerArgumentos } from "../lib/opcoes.ts";
import { textoDoErro } from "../lib/texto.ts";

/** Atraso do servidor 3, em milissegundos: a janela em que TRY_OTHER_SERVER_OR_LATER aparece. */
const ATRASO_MS = 3_000;

/** Os values dos PUTs que se repetem até o sorteio ajudar: um diferente de cada vez. */
const CORES = ["verde", "amarelo", "vermelho", "roxo", "laranja", "branco"] as const;
const NOMES = ["João", "Inês", "Luís", "Conceição", "Antônio"] as const;

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

/** O arquivo de `--diagrama`, se há, e se é sobre o etcd; `--ajuda`, e o que não serve, acabam o programa. */
function lerLinhaDeComando(): { diagrama: string | undefined; sobreEtcd: boolean } {
  try {
    const { opcoes, livres } = lerArgumentos(Deno.args, { textos: ["diagrama"], sinais: ["etcd"] });
    if (livres.length > 0) throw new TypeError(`Argumento inesperado: "${livres[0]}"`);
    const { diagrama, etcd } = opcoes;
    if (diagrama !== undefined && etcd !== undefined) {
      throw new TypeError("--diagrama não vale com --etcd");
    }
    if (!opcoes.ajuda && !opcoes.versao) return { diagrama, sobreEtcd: etcd !== undefined };
    escrever("Uso: demo [--diagrama=ARQUIVO.svg | --etcd]");
  } catch (erro) {
    escrever(`ERRO: ${textoDoErro(erro)}`);
    Deno.exit(2);
  }
  Deno.exit(0);
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
  const { diagrama, sobreEtcd } = lerLinhaDeComando();
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
    const portas = escolherPortas([10097, 10098, 10099]).map(String);
    const cenas = sobreEtcd
      ? await demonstrarSobreEtcd(consoles, portas)
      : await demonstrar(consoles, portas, pasta);
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
